import type { PaymentsDeps } from '#payments/deps';
import { followHint, isOurs } from '#payments/hint';
import { hintKey } from '#payments/money-back-events';
import type { ProcessorEvent } from '#payments/processor';
import { OPEN_STATES } from '#payments/purchase';
import { refreshPurchase } from '#payments/purchases';
import * as sql from '#payments/sweep-sql';

const EVENTS_PER_CALL = 100;
/** A backlog larger than this is worked off by the next sweeps, a second apart. */
const CALLS_PER_SWEEP = 10;
/** Where the first sweep ever begins, and where one begins again whose cursor was forgotten. */
const FIRST_LOOK_BACK_MS = 24 * 60 * 60_000;
/** Under half of the 25 calls a second that a sandbox allows. */
const POLLS_PER_ROUND = 10;
/** Each hint takes up to three calls to the processor, one after the other. */
const HINTS_AT_ONCE = 8;
/** An event whose work throws holds up the ones after it this often, a second or more apart. */
const TRIES_PER_EVENT = 10;

/**
 * Meant for every second: one look at the processor's event list serves every open purchase. Any
 * number of processes may call it.
 */
export async function sweepEvents(deps: PaymentsDeps): Promise<void> {
  const { pool, processor, environment } = deps;
  await pool.query(sql.ensureCursor(environment, processor.name));
  const [lease] = await pool.query<sql.SweepPosition>(
    sql.leaseSweep(environment, processor.name, OPEN_STATES),
  );
  if (lease === undefined) return;
  const since = new Date(deps.clock.now().getTime() - FIRST_LOOK_BACK_MS);
  let position = lease;
  let skewSeconds: number | null = null;
  try {
    for (let call = 0; call < CALLS_PER_SWEEP; call++) {
      const next = await followPage(deps, position, since);
      if (next === undefined) break;
      position = next.position;
      skewSeconds = next.skewSeconds;
      if (!next.more) break;
    }
  } finally {
    await pool.query(sql.releaseSweep(environment, processor.name, position, skewSeconds));
  }
}

interface PageFollowed {
  readonly position: sql.SweepPosition;
  readonly more: boolean;
  /** How far the processor's clock is ahead; null if it did not say. */
  readonly skewSeconds: number | null;
}

/** Undefined where the processor could not be asked: the position stays for the next round. */
async function followPage(
  deps: PaymentsDeps,
  position: sql.SweepPosition,
  since: Date,
): Promise<PageFollowed | undefined> {
  const after = position.lastEventId;
  const page = await deps.processor.listEventsSince({ after, since }, EVENTS_PER_CALL);
  if (page.outcome === 'unavailable') return undefined;
  if (page.outcome === 'cursor_unknown') {
    return { position: upTo(null), more: after !== null, skewSeconds: null };
  }
  const skewSeconds = page.at === undefined ? null : secondsAhead(deps, page.at);
  // Several events tell of one payment; the newest of them is enough.
  const hints = new Map<string, ProcessorEvent>();
  for (const event of page.events) {
    if (isOurs(deps, event)) hints.set(hintKey(event), event);
  }
  const waiting = [...hints.values()];
  const failed = new Set<string>();
  while (waiting.length > 0) {
    const batch = waiting.splice(0, HINTS_AT_ONCE);
    const outcomes = await Promise.all(
      batch.map((event) =>
        attempt(deps, 'event', event.id, () => followHint(deps, event, 'event_sweep')),
      ),
    );
    if (outcomes.includes('processor_unavailable')) return undefined;
    batch.forEach((event, at) => {
      if (outcomes[at] === 'threw') failed.add(event.id);
    });
  }
  const stuck = stopAtFailed(deps, page.events, failed, position);
  if (stuck !== undefined) return { position: stuck, more: false, skewSeconds };
  const last = page.events.at(-1)?.id ?? after;
  return { position: upTo(last), more: page.events.length >= EVENTS_PER_CALL, skewSeconds };
}

const secondsAhead = (deps: PaymentsDeps, at: Date): number =>
  Math.round((at.getTime() - deps.clock.now().getTime()) / 1_000);

const upTo = (lastEventId: string | null): sql.SweepPosition => ({
  lastEventId,
  failingEventId: null,
  failingTries: 0,
});

/** Right before the first event that must be tried again; undefined if there is none. */
function stopAtFailed(
  deps: PaymentsDeps,
  events: readonly ProcessorEvent[],
  failed: ReadonlySet<string>,
  position: sql.SweepPosition,
): sql.SweepPosition | undefined {
  let before = position.lastEventId;
  for (const { id } of events) {
    if (failed.has(id)) {
      const tries = position.failingEventId === id ? position.failingTries + 1 : 1;
      if (tries < TRIES_PER_EVENT) {
        return { lastEventId: before, failingEventId: id, failingTries: tries };
      }
      deps.log?.error({ event: id, tries }, 'an event cannot be worked and is passed over');
    }
    before = id;
  }
  return undefined;
}

/** Meant for every second: looks at the purchases whose turn it is, each on its own. */
export async function pollDuePurchases(deps: PaymentsDeps): Promise<void> {
  const due = await deps.pool.query<{ id: string }>(
    sql.takeDuePurchases(deps.environment, OPEN_STATES, POLLS_PER_ROUND),
  );
  await Promise.all(
    due.map(({ id }) => attempt(deps, 'purchase', id, () => refreshPurchase(deps, id, 'poller'))),
  );
}

/** One that cannot be worked must not stop the others; it is met again by another way. */
async function attempt<T>(
  deps: PaymentsDeps,
  kind: string,
  id: string,
  work: () => Promise<T>,
): Promise<T | 'threw'> {
  try {
    return await work();
  } catch (error) {
    deps.log?.error({ [kind]: id, err: error }, 'a purchase could not be worked in this round');
    return 'threw';
  }
}
