import { useQueryClient } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useEffect } from 'react';
import type { Purchase } from '#console-api/contract';
import { billingQuery, historyQuery } from '../../api/billing.ts';
import { useSession } from '../../api/use-session.ts';
import { exactText } from '../../ui/money-text.ts';
import { Notice } from '../../ui/notice.tsx';
import { Page } from '../../ui/page.tsx';
import { Problem } from '../../ui/problem.tsx';
import { Skeleton } from '../../ui/skeleton.tsx';
import { useFollowedPurchase } from './follow-purchase.ts';
import { PurchaseCard } from './purchase-card.tsx';
import { isSettled, isStillCredited } from './purchase-words.ts';

/** Where the payment page sends people back to: it finds out for itself how the payment went. */
export function ReturnPage(props: { purchaseId: string | undefined; canceled: boolean }) {
  if (props.purchaseId === undefined) {
    return (
      <Page title="Payment" lead="This address names no purchase.">
        <BackToBilling />
      </Page>
    );
  }
  return <Following purchaseId={props.purchaseId} canceled={props.canceled} />;
}

function Following({ purchaseId, canceled }: { purchaseId: string; canceled: boolean }) {
  const { organization, may } = useSession();
  const queries = useQueryClient();
  const { purchase, refusal, paused, again, replace } = useFollowedPurchase(purchaseId);
  const state = purchase?.state;

  // The balance everywhere else follows as soon as this page knows.
  useEffect(() => {
    if (state === undefined || !isSettled(state)) return;
    void queries.invalidateQueries(billingQuery(organization.id));
    void queries.invalidateQueries(historyQuery(organization.id));
  }, [state, queries, organization.id]);

  return (
    <Page title="Payment">
      <div className="announce" aria-live="polite">
        {purchase !== undefined && <Verdict purchase={purchase} canceled={canceled} />}
      </div>
      {refusal !== undefined && <Problem error={refusal} />}
      {paused && purchase !== undefined && !isSettled(purchase.state) && (
        <Notice tone="quiet" title="Not final yet">
          <p>You can leave this page: a payment that succeeds is credited without it.</p>
          <button type="button" className="button" onClick={again}>
            Check again
          </button>
        </Notice>
      )}
      {purchase === undefined && refusal === undefined && !paused && (
        <Skeleton rows={5} label="Asking the payment processor" />
      )}
      {purchase === undefined && paused && (
        <Notice tone="warning" title="The Console could not be asked about this payment">
          <p>A payment that succeeded is credited all the same.</p>
          <button type="button" className="button" onClick={again}>
            Check again
          </button>
        </Notice>
      )}
      {purchase !== undefined && (
        <PurchaseCard purchase={purchase} mayBuy={may('billing.buy')} helpOpen onChange={replace} />
      )}
      {(purchase === undefined || !isStillCredited(purchase)) && <BackToBilling />}
    </Page>
  );
}

function Verdict({ purchase, canceled }: { purchase: Purchase; canceled: boolean }) {
  if (isStillCredited(purchase)) {
    return (
      <Notice tone="good" title={`${exactText(purchase.amount_usd)} of credits added`}>
        <BackToBilling />
      </Notice>
    );
  }
  if (purchase.state === 'awaiting_customer' && canceled) {
    return (
      <Notice tone="quiet" title="You left the payment page before paying">
        <p>You were not charged. You can go on to payment, or cancel the purchase.</p>
      </Notice>
    );
  }
  if (purchase.state === 'awaiting_customer' || purchase.state === 'processing') {
    return (
      <Notice tone="quiet" title="Confirming your payment">
        <p>This usually takes a few seconds. You will not be charged twice.</p>
      </Notice>
    );
  }
  return null;
}

function BackToBilling() {
  return (
    <p>
      <Link to="/settings/billing">Back to billing</Link>
    </p>
  );
}
