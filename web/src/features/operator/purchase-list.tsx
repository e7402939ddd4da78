import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import type { OperatorOrganization } from '#console-api/operator/contract';
import { Exact } from '../../ui/amount.tsx';
import { Moment } from '../../ui/moment.tsx';
import { isZero } from '../../ui/money-text.ts';
import { Badge, type Tone } from '../../ui/notice.tsx';
import { RefundDialog } from './refund-dialog.tsx';

type Bought = OperatorOrganization['purchases'][number];

const TONES: Partial<Record<Bought['state'], Tone>> = {
  credited: 'good',
  declined: 'bad',
  failed: 'bad',
  quarantined: 'warning',
};

const plain = (state: string): string => {
  const words = state.replaceAll('_', ' ');
  return `${words.charAt(0).toUpperCase()}${words.slice(1)}`;
};

/** Each opens to its refusal and to every step it went through. */
export function PurchaseList({ purchases }: { purchases: readonly Bought[] }) {
  const [refunding, setRefunding] = useState<string>();
  return (
    <>
      <ul className="op-lines">
        {purchases.map((purchase) => (
          <li key={purchase.id} className="op-line">
            <details>
              <summary className="op-purchase">
                <span className="op-purchase-state">
                  <Badge tone={TONES[purchase.state] ?? 'quiet'}>{plain(purchase.state)}</Badge>
                  {purchase.overlay != null && (
                    <Badge tone="warning">{plain(purchase.overlay)}</Badge>
                  )}
                </span>
                <span>
                  <Moment at={purchase.created_at} show="day and time" />
                  <span className="reference">{purchase.id}</span>
                </span>
                <Exact usd={purchase.total_usd} />
              </summary>
              <Inside purchase={purchase} onRefund={() => setRefunding(purchase.id)} />
            </details>
          </li>
        ))}
      </ul>
      {refunding !== undefined && (
        <RefundDialog purchaseId={refunding} onClose={() => setRefunding(undefined)} />
      )}
    </>
  );
}

function Inside({ purchase, onRefund }: { purchase: Bought; onRefund: () => void }) {
  const { failure, payment_id: payment } = purchase;
  // Two steps may share state and time, so the place in the list is what tells them apart.
  const steps = purchase.timeline.map((step, place) => ({ ...step, place }));
  return (
    <div className="op-inside">
      <p className="hint">
        {plain(purchase.trigger)}; credit <Exact usd={purchase.amount_usd} />, tax{' '}
        <Exact usd={purchase.tax_usd} />
        {purchase.refunded_usd !== undefined && !isZero(purchase.refunded_usd) && (
          <>
            , refunded <Exact usd={purchase.refunded_usd} />
          </>
        )}
      </p>
      {failure !== null && (
        <div className="op-refusal">
          <p>
            <strong>{failure.title}</strong> <code>{failure.code}</code>
          </p>
          <p>{failure.message}</p>
          <p className="hint">The customer was told: {failure.next_step}</p>
        </div>
      )}
      <ol className="op-steps" aria-label="What happened">
        {steps.map((step) => (
          <li key={step.place}>
            <Moment at={step.at} show="day and time" />
            <span>
              <span>{plain(step.state)}</span>
              {step.detail !== null && <span className="below hint">{step.detail}</span>}
            </span>
          </li>
        ))}
      </ol>
      <div className="op-buttons">
        {purchase.state === 'credited' && (
          <button type="button" className="button" onClick={onRefund}>
            Refund what is unspent<span className="visually-hidden"> of {purchase.id}</span>
          </button>
        )}
        {payment !== null && (
          <Link to="/operator" search={{ payment }} className="op-id">
            {payment}
          </Link>
        )}
      </div>
    </div>
  );
}
