import * as sql from '#payments/alarms-sql';
import type { WebhookEndpoint } from '#payments/books';
import type { ReconcileDeps } from '#payments/reconcile';

/** Where this system takes webhooks, on the Console's address or a proxy's. */
export const WEBHOOK_PATH = '/webhooks/stripe';

/** Without these a purchase is learned of by polling only. */
const NEEDED_EVENTS = ['payment_intent.succeeded', 'checkout.session.completed'] as const;

/**
 * What is wrong with the endpoint that webhooks come from; undefined if nothing is. Events are
 * written in the endpoint's version of the API, whatever version we ask in (S12). One account may
 * serve several systems: what is at our address counts, else whatever ends in our path. None at all
 * may be a tunnel's doing; whether webhooks arrive is another alarm.
 */
export function problemOf(
  endpoints: readonly WebhookEndpoint[],
  consoleUrl: string,
  apiVersion: string,
): string | undefined {
  const alike = endpoints.filter((endpoint) => endpoint.url.endsWith(WEBHOOK_PATH));
  const exact = alike.filter((endpoint) => endpoint.url === `${consoleUrl}${WEBHOOK_PATH}`);
  const ours = exact.length > 0 ? exact : alike;
  const [first] = ours;
  if (first === undefined) return undefined;
  const { url } = first;
  const enabled = ours.filter((endpoint) => endpoint.enabled);
  if (enabled.length === 0) return `the processor has disabled ${url}`;
  const other = enabled.find((endpoint) => endpoint.apiVersion !== apiVersion);
  if (other !== undefined) {
    return `${url} speaks ${other.apiVersion ?? "the account's default"}, expected ${apiVersion}`;
  }
  const told = new Set(enabled.flatMap(({ events }) => events));
  const missing = NEEDED_EVENTS.filter((event) => !told.has(event) && !told.has('*'));
  return missing.length === 0 ? undefined : `${url} is not told of ${missing.join(', ')}`;
}

/** Looks at the endpoint; a key that may not, or a processor that does not answer, is no news. */
export async function checkEndpoint(deps: ReconcileDeps): Promise<void> {
  const answer = await deps.books.listEndpoints();
  if (answer.outcome === 'unavailable') return;
  const problem = problemOf(answer.endpoints, deps.urls.console, deps.books.apiVersion);
  const { environment, processor } = deps;
  await deps.pool.query(sql.keepEndpointProblem(environment, processor.name, problem ?? null));
}
