import type { Quote } from '#console-api/billing/contract';
import type { Purchase } from '#console-api/contract';
import { exactText, floorText, isZero, owedText } from '../../ui/money-text.ts';

const NO_TAX: Readonly<Record<string, string>> = {
  reverse_charge: 'Reverse charge: you account for the tax yourself.',
  customer_exempt: 'Your organization is exempt from this tax.',
  not_collecting: 'No tax is collected for this address.',
  not_subject_to_tax: 'Credits are not taxed at this address.',
  zero_rated: 'Credits are taxed at zero there.',
};

/**
 * What will be asked for. Until the server has told the tax, the total is not guessed: nobody is sent
 * to pay another total than the one that stands here.
 */
export function Total(props: { usd: string | undefined; quote: Quote | undefined; busy: boolean }) {
  const { usd, quote } = props;
  const credits = usd === undefined ? '–' : exactText(usd);
  const unknown = props.busy ? '…' : '–';
  const total = quote?.total_usd ?? null;
  const due = quote?.tax_lines.filter((line) => !isZero(line.amount_usd)) ?? [];
  const free = quote?.tax_lines.find((line) => line.reason !== null)?.reason ?? null;
  return (
    <div className="total-box" aria-live="polite">
      <dl className="total">
        <div>
          <dt>Credits</dt>
          <dd className="money">{credits}</dd>
        </div>
        {due.map((line) => (
          <div key={line.name}>
            <dt>
              {line.name}
              {line.percent !== null && ` (${line.percent} %)`}
            </dt>
            <dd className="money">{exactText(line.amount_usd)}</dd>
          </div>
        ))}
        {quote?.tax_note === 'computed' && due.length === 0 && (
          <div>
            <dt>Tax</dt>
            <dd className="money">$0.00</dd>
          </div>
        )}
        <div className="total-sum">
          <dt>Total to pay</dt>
          <dd className="money">{total === null ? unknown : exactText(total)}</dd>
        </div>
      </dl>
      {quote?.tax_note === 'computed' && due.length === 0 && free !== null && (
        <p className="hint">{NO_TAX[free] ?? 'No tax applies to this purchase.'}</p>
      )}
      {quote !== undefined && !isZero(quote.clears_debt_usd) && <Debt quote={quote} />}
    </div>
  );
}

/** Said before the card is charged: part of what is bought is owed already. */
function Debt({ quote }: { quote: Quote }) {
  const rest = isZero(quote.usable_usd)
    ? 'nothing of it can be spent.'
    : `${floorText(quote.usable_usd)} can be spent.`;
  return (
    <p className="total-debt">
      The first {owedText(quote.clears_debt_usd)} of these credits pays what is owed; {rest}
    </p>
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
