import type { WebhookDelivery, WebhookEndpoint } from '#console-api/webhooks/contract';
import type { Tone } from '../../ui/notice.tsx';

interface Words {
  readonly word: string;
  readonly tone: Tone;
}

/** Failing while it is still on is not a state of its own: it is tried again by itself. */
export const statusOf = (endpoint: WebhookEndpoint): Words & { readonly line?: string } =>
  endpoint.status === 'enabled' && endpoint.failing_since !== null
    ? { word: 'Failing', tone: 'warning', line: 'Events are tried again by themselves.' }
    : STATUS[endpoint.status];

const STATUS: Readonly<Record<WebhookEndpoint['status'], Words & { readonly line?: string }>> = {
  enabled: { word: 'On', tone: 'good' },
  paused: { word: 'Paused', tone: 'quiet', line: 'New events are not sent here.' },
  failing: {
    word: 'Switched off',
    tone: 'bad',
    line: 'It took nothing for three days. Mend it, then switch it on: what waits is sent then.',
  },
  gone: {
    word: 'Switched off',
    tone: 'bad',
    line: 'It answered that it is gone for good (410).',
  },
};

export const DELIVERY: Readonly<Record<WebhookDelivery['state'], Words>> = {
  waiting: { word: 'Waiting', tone: 'warning' },
  sending: { word: 'Sending', tone: 'quiet' },
  delivered: { word: 'Delivered', tone: 'good' },
  given_up: { word: 'Given up', tone: 'bad' },
};

/** What people call an endpoint: what they wrote of it, else where it is. */
export function nameOf({ url, description }: WebhookEndpoint): string {
  if (description !== '') return description;
  return URL.canParse(url) ? new URL(url).host : url;
}

export function typesLine(types: readonly string[]): string {
  if (types.length === 0) return 'Every event';
  return types.join(', ');
}
