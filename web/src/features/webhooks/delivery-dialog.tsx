import type { WebhookDelivery } from '#console-api/webhooks/contract';
import { Copyable } from '../../ui/copy.tsx';
import { Dialog } from '../../ui/dialog.tsx';
import { Moment } from '../../ui/moment.tsx';
import { Badge } from '../../ui/notice.tsx';
import { DELIVERY } from './words.ts';

/** One event as it is sent, and every attempt at it. */
export function DeliveryDialog(props: { delivery: WebhookDelivery; onClose: () => void }) {
  const { delivery, onClose } = props;
  const { word, tone } = DELIVERY[delivery.state];
  return (
    <Dialog title={delivery.type} onClose={onClose}>
      <p>
        <Badge tone={tone}>{word}</Badge>
      </p>
      <p className="hint">
        webhook-id <code className="webhook-url">{delivery.event_id}</code>
      </p>
      <Copyable label="What is sent" text={pretty(delivery.body)} block />
      {delivery.attempts.length > 0 && (
        <section className="attempts" aria-label="Attempts, newest first">
          <h3>Attempts</h3>
          <ol reversed>
            {delivery.attempts.map((attempt) => (
              <li key={attempt.number}>
                <span>
                  {attempt.words}
                  {attempt.status !== null && ` (${attempt.status})`}
                </span>
                <span className="hint">
                  <Moment at={attempt.at} show="day and time" />
                  {attempt.duration_ms !== null && `, ${attempt.duration_ms} ms`}
                </span>
              </li>
            ))}
          </ol>
        </section>
      )}
      <div className="dialog-foot">
        <button type="button" className="button button-primary" onClick={onClose}>
          Close
        </button>
      </div>
    </Dialog>
  );
}

/** For reading only: what is signed has no blanks. */
function pretty(body: string): string {
  try {
    return JSON.stringify(JSON.parse(body), null, 2);
  } catch {
    return body;
  }
}
