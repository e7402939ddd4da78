import { createHmac } from 'node:crypto';

/** What is signed and sent with a body: the headers of Standard Webhooks. */
export interface Signed {
  readonly 'webhook-id': string;
  readonly 'webhook-timestamp': string;
  readonly 'webhook-signature': string;
}

/**
 * Signs one attempt with every secret in force: one signature each, apart by a blank, so that a
 * receiver that knows either accepts it. `at` is the attempt's time, not the event's; it is what
 * makes an old request refusable. Neither id nor time holds a full stop, so that the three parts
 * cannot be shifted against each other.
 */
export function signed(
  keys: readonly Buffer[],
  message: { readonly id: string; readonly at: Date; readonly body: string },
): Signed {
  const seconds = String(Math.floor(message.at.getTime() / 1_000));
  const content = `${message.id}.${seconds}.${message.body}`;
  const signatures = keys.map(
    (key) => `v1,${createHmac('sha256', key).update(content).digest('base64')}`,
  );
  return {
    'webhook-id': message.id,
    'webhook-timestamp': seconds,
    'webhook-signature': signatures.join(' '),
  };
}
