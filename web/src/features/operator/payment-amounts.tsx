import type { OperatorPayment } from '#console-api/operator/contract';
import { Exact } from '../../ui/amount.tsx';
import { Notice } from '../../ui/notice.tsx';

/** What came in, what of it is tax, and what a decision moves. */
export function PaymentAmounts(props: {
  payment: OperatorPayment;
  kind: 'credit' | 'refund' | undefined;
}) {
  const { payment, kind } = props;
  const { amounts } = payment;
  if (amounts === null) {
    return (
      <>
        {payment.only_refund !== null && (
          <Notice tone={kind === 'credit' ? 'warning' : 'quiet'} title={payment.only_refund}>
            {kind === 'credit' && <p>It can only be refunded.</p>}
          </Notice>
        )}
        <p>
          Received: <strong className="money">{payment.received}</strong>
        </p>
      </>
    );
  }
  return (
    <dl className="total">
      <div>
        <dt>Received</dt>
        <dd>
          <Exact usd={amounts.total_usd} />
        </dd>
      </div>
      <div>
        <dt>of which tax</dt>
        <dd>
          <Exact usd={amounts.tax_usd} />
        </dd>
      </div>
      {kind !== undefined && (
        <div className="total-sum">
          <dt>{kind === 'credit' ? 'Becomes credit' : 'Goes back to the card'}</dt>
          <dd>
            <Exact usd={kind === 'credit' ? amounts.credit_usd : amounts.total_usd} />
          </dd>
        </div>
      )}
    </dl>
  );
}
