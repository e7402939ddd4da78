import type { Purchase } from '#console-api/contract';
import { exactText, isZero } from '../../ui/money-text.ts';

/** What will be asked for, before the server computed any tax. */
export function Total({ usd }: { usd: string | undefined }) {
  const shown = usd === undefined ? '–' : exactText(usd);
  return (
    <dl className="total" aria-live="polite">
      <div>
        <dt>Credits</dt>
        <dd className="money">{shown}</dd>
      </div>
      <div className="total-sum">
        <dt>Total to pay</dt>
        <dd className="money">{shown}</dd>
      </div>
    </dl>
  );
}

/** The amounts of a purchase that exists. */
export function TotalOf({ purchase }: { purchase: Purchase }) {
  const taxed = !isZero(purchase.tax_usd);
  return (
    <dl className="total">
      <div>
        <dt>Credits</dt>
        <dd className="money">{exactText(purchase.amount_usd)}</dd>
      </div>
      {taxed && (
        <div>
          <dt>Tax</dt>
          <dd className="money">{exactText(purchase.tax_usd)}</dd>
        </div>
      )}
      <div className="total-sum">
        <dt>Total</dt>
        <dd className="money">{exactText(purchase.total_usd)}</dd>
      </div>
    </dl>
  );
}
