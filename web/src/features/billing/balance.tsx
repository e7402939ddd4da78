import type { BillingResponse } from '#console-api/contract';
import { Figure, Money, Owed } from '../../ui/amount.tsx';
import { exactText, isZero, owedText } from '../../ui/money-text.ts';
import { Notice } from '../../ui/notice.tsx';

/** What can be spent now, and beside it what is spoken for. Changes are read out. */
export function Balance({ billing }: { billing: BillingResponse }) {
  return (
    <section className="balance" aria-label="Balance">
      <div className="balance-main">
        <p className="balance-label" id="available-label">
          Available
        </p>
        <output className="balance-figure" aria-labelledby="available-label">
          <Figure usd={billing.available_usd} />
        </output>
      </div>
      <dl className="balance-parts">
        <div>
          <dt>Held for running requests</dt>
          <dd>
            <Money usd={billing.held_usd} />
          </dd>
        </div>
        {!isZero(billing.frozen_usd) && (
          <div>
            <dt>Frozen by a dispute</dt>
            <dd>
              <Money usd={billing.frozen_usd} />
            </dd>
          </div>
        )}
        {!isZero(billing.debt_usd) && (
          <div>
            <dt>Owed</dt>
            <dd>
              <Owed usd={billing.debt_usd} />
            </dd>
          </div>
        )}
      </dl>
      <details className="exact-details">
        <summary>Exact amounts</summary>
        <dl>
          <div>
            <dt>Available</dt>
            <dd className="money">{exactText(billing.available_usd)}</dd>
          </div>
          <div>
            <dt>Held</dt>
            <dd className="money">{exactText(billing.held_usd)}</dd>
          </div>
          {!isZero(billing.debt_usd) && (
            <div>
              <dt>Owed</dt>
              <dd className="money">{exactText(billing.debt_usd)}</dd>
            </div>
          )}
        </dl>
        <p className="hint">
          Shown elsewhere in whole cents: what you have rounded down, what is owed rounded up.
        </p>
      </details>
      {!isZero(billing.debt_usd) && (
        <Notice tone="warning" title={`${owedText(billing.debt_usd)} is owed`}>
          <p>
            A payment was taken back after its credits were spent. Requests are refused until that
            is paid; the next credits bought pay it first.
          </p>
        </Notice>
      )}
    </section>
  );
}

/** The same boxes before the numbers are known. */
export function BalanceSkeleton() {
  return (
    <section className="balance" aria-label="Balance" aria-busy="true">
      <div className="balance-main">
        <p className="balance-label">Available</p>
        <p className="balance-figure placeholder">
          <span className="figure">$0.00</span>
        </p>
      </div>
      <dl className="balance-parts">
        <div>
          <dt>Held for running requests</dt>
          <dd className="placeholder">$0.00</dd>
        </div>
      </dl>
      <div className="exact-details">
        <span className="placeholder">Exact amounts</span>
      </div>
    </section>
  );
}
