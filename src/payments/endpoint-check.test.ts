import { describe, expect, it } from 'vitest';
import type { WebhookEndpoint } from '#payments/books';
import { problemOf } from '#payments/endpoint-check';

const CONSOLE = 'https://console.example';
const VERSION = '2026-10-28.endive';
const endpoint = (part: Partial<WebhookEndpoint> = {}): WebhookEndpoint => ({
  url: `${CONSOLE}/webhooks/stripe`,
  enabled: true,
  apiVersion: VERSION,
  events: ['*'],
  ...part,
});
const problem = (...endpoints: readonly WebhookEndpoint[]) =>
  problemOf(endpoints, CONSOLE, VERSION);

describe('the webhook endpoint', () => {
  it('is in order where it is enabled, speaks our version and tells of payments', () => {
    expect(problem(endpoint())).toBeUndefined();
    const needed = ['checkout.session.completed', 'payment_intent.succeeded'];
    expect(problem(endpoint({ events: needed }))).toBeUndefined();
    // Two that share the work, as while one replaces the other.
    expect(
      problem(endpoint({ events: needed.slice(1) }), endpoint({ events: needed.slice(0, 1) })),
    ).toBeUndefined();
  });

  it('is told of where it was disabled after many failures (S10)', () => {
    expect(problem(endpoint({ enabled: false }))).toContain('disabled');
  });

  it('is told of where its events are written in another version (S12)', () => {
    const told = problem(endpoint({ apiVersion: '2024-06-20' }));
    expect(told).toContain('2024-06-20');
    expect(told).toContain(VERSION);
    expect(problem(endpoint({ apiVersion: null }))).toContain("the account's default");
  });

  it('is told of where it does not hear of payments', () => {
    expect(problem(endpoint({ events: ['invoice.paid'] }))).toContain('payment_intent.succeeded');
  });

  it('of another system on the same account is not ours to judge', () => {
    const theirs = endpoint({ url: 'https://other.example/webhooks/stripe', enabled: false });
    expect(problem(endpoint(), theirs)).toBeUndefined();
    expect(problem(endpoint({ url: 'https://other.example/hooks', enabled: false }))).toBe(
      undefined,
    );
    // Behind a proxy ours has another host, and then it is the only one with our path.
    expect(problem(theirs)).toContain('disabled');
  });
});
