import type { Db } from '#db/pool';
import type { SendingDeps } from './deps.ts';
import { moveEndpoint } from './endpoints.ts';
import * as endpoints from './endpoints-sql.ts';
import { FAILING_SECONDS_MAX, retryDelay } from './schedule.ts';
import { openSecret } from './secret.ts';
import { signed } from './signature.ts';
import * as sql from './sql.ts';
import { type AttemptResult, resultOf } from './states.ts';
import { readTarget } from './target.ts';

/** Longer than any attempt may take: after it, whoever had it is taken for dead. */
export const LEASE_SECONDS = 60;

const USER_AGENT = 'Bursar-Webhooks/1.0 (+https://www.standardwebhooks.com)';

/** How an attempt ended. */
interface Ending {
  readonly result: AttemptResult;
  readonly status: number | null;
  readonly retryAfterSeconds: number;
}

const ended = (result: AttemptResult): Ending => ({ result, status: null, retryAfterSeconds: 0 });

/** Makes one claimed attempt: sends it, then notes how it ended and what that means. */
export async function deliver(deps: SendingDeps, claimed: sql.ClaimedRow): Promise<AttemptResult> {
  const begun = deps.clock.elapsedMs();
  const ending = await attempt(deps, claimed);
  const durationMs = Math.round(deps.clock.elapsedMs() - begun);
  await deps.pool.transaction((tx) => note(tx, deps, claimed, { ...ending, durationMs }));
  return ending.result;
}

async function attempt(deps: SendingDeps, claimed: sql.ClaimedRow): Promise<Ending> {
  // Judged again each time: the operator's policy may have become stricter.
  const read = readTarget(claimed.url, deps.policy);
  if (read.outcome === 'refused') return ended('target_refused');
  const sealed = [claimed.secret, ...(claimed.oldSecret === null ? [] : [claimed.oldSecret])];
  const keys = sealed.flatMap((secret) => openSecret(secret, claimed, deps.pepper) ?? []);
  if (keys.length === 0) return ended('secret_unreadable');
  const { eventId: id, body } = claimed;
  // Real time, as receivers have it: to them an attempt of a moved clock is a replay.
  const headers = signed(keys, { id, at: deps.clock.now(), body });
  const posted = await deps.post({
    target: read.target,
    headers: { 'content-type': 'application/json', 'user-agent': USER_AGENT, ...headers },
    body,
  });
  if (posted.outcome !== 'answered') return ended(posted.outcome);
  const { status, retryAfterSeconds = 0 } = posted;
  return { result: resultOf(status), status, retryAfterSeconds };
}

async function note(
  tx: Db,
  deps: SendingDeps,
  claimed: sql.ClaimedRow,
  ending: Ending & { readonly durationMs: number },
): Promise<void> {
  const { organizationId, endpointId } = claimed;
  const lock = endpoints.lockForResult(organizationId, endpointId, FAILING_SECONDS_MAX);
  const [endpoint] = await tx.query<endpoints.LockedRow>(lock);
  // Removed meanwhile, with all that was to be noted.
  if (endpoint === undefined) return;
  await tx.query(sql.noteResult(claimed, ending));
  const delivered = ending.result === 'delivered';
  const delay = retryDelay(claimed.tries, deps.entropy, ending.retryAfterSeconds);
  const state = delivered ? 'delivered' : delay === undefined ? 'given_up' : 'waiting';
  await tx.query(sql.endAttempt(claimed, state, delivered ? 0 : (delay ?? 0)));
  const fails = endpoint.failedForLong !== null;
  if (delivered && !fails) return;
  await tx.query(endpoints.setFailing(organizationId, endpointId, !delivered));
  if (ending.result === 'gone') await switchOff(tx, deps, claimed, 'go');
  else if (!delivered && endpoint.failedForLong === true)
    await switchOff(tx, deps, claimed, 'fail');
}

/** Nobody but its people can mend it, so they are told; once each time it comes to this. */
async function switchOff(
  tx: Db,
  { tell }: SendingDeps,
  { organizationId, endpointId }: sql.ClaimedRow,
  move: 'go' | 'fail',
): Promise<void> {
  const moved = await moveEndpoint(tx, organizationId, endpointId, move);
  if (moved.outcome !== 'changed' || !moved.moved) return;
  const { status, statusAt, url, description } = moved.endpoint;
  await tell(tx, {
    organizationId,
    kind: 'webhook_endpoint_disabled',
    key: `${endpointId}:${statusAt.toISOString()}`,
    // Its path may be what keeps strangers out: the host says which one it is.
    facts: { endpoint_id: endpointId, host: new URL(url).host, description, reason: status },
  });
}
