import { useMutation, useQueryClient } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import type { Purchase } from '#console-api/contract';
import { billingQuery, cancelPurchase } from '../../api/billing.ts';
import { useSession } from '../../api/use-session.ts';
import { exactText, isZero } from '../../ui/money-text.ts';
import { Badge } from '../../ui/notice.tsx';
import { Problem } from '../../ui/problem.tsx';
import { Failure, FailureHelp, payAgainLabel } from './failure.tsx';
import { openPaymentPage } from './payment-page.ts';
import { canBeBoughtAgain, canBeCanceled, canBePaid, purchaseWords } from './purchase-words.ts';
import { Timeline } from './timeline.tsx';
import { TotalOf } from './total.tsx';

/** One purchase as it stands: state, what it means for your money, what you can do, how it went. */
export function PurchaseCard(props: {
  purchase: Purchase;
  mayBuy: boolean;
  /** On a page of its own the help after a refusal is open. */
  helpOpen?: boolean;
  onChange?: (purchase: Purchase) => void;
}) {
  const { purchase } = props;
  const words = purchaseWords(purchase);
  const refunded = purchase.refunded_usd ?? '0';
  // Who called it off has read why it was refused, and needs no alarm any more.
  const failure = purchase.state === 'canceled' ? null : purchase.failure;
  return (
    <section className="purchase" aria-label="Purchase">
      <header className="purchase-head">
        <h2>{purchase.trigger === 'auto_reload' ? 'Auto-reload' : 'Purchase'}</h2>
        <span role="status">
          <Badge tone={words.tone}>{words.label}</Badge>
        </span>
      </header>
      {failure === null ? <p>{words.sentence}</p> : <Failure failure={failure} />}
      <div className="purchase-parts">
        <div>
          <h3>Amounts</h3>
          <TotalOf purchase={purchase} />
          {!isZero(refunded) && <p>{exactText(refunded)} of it went back to the card.</p>}
          {props.mayBuy && <Actions purchase={purchase} onChange={props.onChange} />}
          {purchase.receipt_url !== null && (
            <p>
              <a href={purchase.receipt_url} rel="noreferrer">
                Receipt
              </a>
            </p>
          )}
        </div>
        <div>
          <h3>What happened</h3>
          <Timeline purchase={purchase} />
        </div>
      </div>
      {failure !== null && <FailureHelp purchase={purchase} open={props.helpOpen === true} />}
      {/* A refusal has named it where it is needed. */}
      {failure === null && (
        <p className="hint">
          Reference <code>{purchase.id}</code>
        </p>
      )}
    </section>
  );
}

function Actions(props: {
  purchase: Purchase;
  onChange: ((purchase: Purchase) => void) | undefined;
}) {
  const { purchase, onChange } = props;
  const { organization } = useSession();
  const queries = useQueryClient();
  const cancel = useMutation({
    mutationFn: () => cancelPurchase(purchase.id),
    onSuccess: async (canceled) => {
      onChange?.(canceled);
      await queries.invalidateQueries(billingQuery(organization.id));
    },
  });
  const url = canBePaid(purchase) ? purchase.redirect_url : null;
  return (
    <>
      {cancel.isError && <Problem error={cancel.error} />}
      <div className="purchase-actions">
        {url !== null && (
          <button
            type="button"
            className="button button-primary"
            onClick={() => openPaymentPage(url)}
          >
            {purchase.state === 'declined' ? payAgainLabel(purchase.failure) : 'Go on to payment'}
          </button>
        )}
        {canBeBoughtAgain(purchase) && (
          <Link
            className="button button-primary"
            to="/settings/billing"
            search={
              purchase.failure?.class === 'REGION'
                ? { address: 'edit' }
                : { buy: purchase.amount_usd }
            }
          >
            {purchase.failure?.class === 'REGION' ? 'Change billing address' : 'Buy again'}
          </Link>
        )}
        {canBeCanceled(purchase) && (
          <button
            type="button"
            className="button"
            disabled={cancel.isPending}
            onClick={() => cancel.mutate()}
          >
            {cancel.isPending ? 'Canceling…' : 'Cancel this purchase'}
          </button>
        )}
      </div>
      {url !== null && purchase.state === 'declined' && (
        <p className="hint">Any card can be entered there; this purchase stays the same one.</p>
      )}
    </>
  );
}
