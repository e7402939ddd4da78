import type { WebhookEndpoint } from '#console-api/webhooks/contract';
import type { EndpointDeed } from '../../api/webhooks.ts';
import { Moment } from '../../ui/moment.tsx';
import { Badge } from '../../ui/notice.tsx';
import { nameOf, statusOf, typesLine } from './words.ts';

interface Actions {
  readonly onShow: (id: string) => void;
  readonly onOpen: (dialog: 'edit' | 'rotate' | 'remove', endpoint: WebhookEndpoint) => void;
  readonly onDeed: (endpoint: WebhookEndpoint, deed: EndpointDeed) => void;
}

export function EndpointList(
  props: {
    endpoints: readonly WebhookEndpoint[];
    /** Whose deliveries are shown below. */
    shown: string | undefined;
  } & Actions,
) {
  const { endpoints, shown, ...actions } = props;
  return (
    <ul className="cards">
      {endpoints.map((endpoint) => (
        <li key={endpoint.id} className="card">
          <Facts endpoint={endpoint} />
          <Buttons endpoint={endpoint} shown={endpoint.id === shown} {...actions} />
        </li>
      ))}
    </ul>
  );
}

function Facts({ endpoint }: { endpoint: WebhookEndpoint }) {
  const status = statusOf(endpoint);
  return (
    <div className="card-facts">
      <span className="card-name">
        <span className="webhook-name">{nameOf(endpoint)}</span>
        <Badge tone={status.tone}>{status.word}</Badge>
      </span>
      <code className="webhook-url">{endpoint.url}</code>
      <span className="hint">{typesLine(endpoint.event_types)}</span>
      {status.line !== undefined && (
        <span className={status.tone === 'quiet' ? 'hint' : 'card-warning'}>{status.line}</span>
      )}
      {endpoint.old_secret_until !== null && (
        <span className="hint">
          The secret before this one signs too until{' '}
          <Moment at={endpoint.old_secret_until} show="day and time" />.
        </span>
      )}
    </div>
  );
}

function Buttons(props: { endpoint: WebhookEndpoint; shown: boolean } & Actions) {
  const { endpoint, shown, onShow, onOpen, onDeed } = props;
  const on = endpoint.status === 'enabled';
  const name = nameOf(endpoint);
  const button = (words: string, act: () => void, hidden = ` ${name}`, pressed?: boolean) => (
    <button type="button" className="button button-plain" aria-pressed={pressed} onClick={act}>
      {words}
      <span className="visually-hidden">{hidden}</span>
    </button>
  );
  return (
    <div className="card-actions">
      {button('What was sent', () => onShow(endpoint.id), ` to ${name}`, shown)}
      {on && button('Send test event', () => onDeed(endpoint, 'test'))}
      {button('Edit', () => onOpen('edit', endpoint))}
      {button('Rotate secret', () => onOpen('rotate', endpoint))}
      {on
        ? button('Pause', () => onDeed(endpoint, 'pause'))
        : button('Switch on', () => onDeed(endpoint, 'enable'))}
      {button('Remove', () => onOpen('remove', endpoint))}
    </div>
  );
}
