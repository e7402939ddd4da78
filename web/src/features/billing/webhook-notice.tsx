import { Notice } from '../../ui/notice.tsx';

/** For whoever runs this: buyers lose nothing, so it is quiet. */
export function WebhookNotice() {
  return (
    <Notice tone="quiet" title="Payment messages from the card processor are not arriving">
      <p>
        Credits are still added within seconds, because payments are also asked for. Whoever runs
        this service should look at the webhook endpoint; <code>bursar doctor</code> says more.
      </p>
    </Notice>
  );
}
