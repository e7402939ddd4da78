import type { PaymentsDeps } from '#payments/deps';
import { followHint, isOurs } from '#payments/hint';
import type { EventPosition, ProcessorEvent } from '#payments/processor';
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

/**
 * Meant for every second: one look at the processor's event list serves every open purchase. Any
 * number of processes may call it.
 */
export async function sweepEvents(deps: PaymentsDeps): Promise<void> {
  const { pool, processor, environment } = deps;
  await pool.query(sql.ensureCursor(environment, processor.name));
  const [lease] = await pool.query<{ lastEventId: string | null }>(
    sql.leaseSweep(environment, processor.name, OPEN_STATES),
  );
  if (lease === undefined) return;
  const since = new Date(deps.clock.now().getTime() - FIRST_LOOK_BACK_MS);
  let after = lease.lastEventId;
  try {
    for (let call = 0; call < CALLS_PER_SWEEP; call++) {
      const next = await followPage(deps, { after, since });
      if (next === undefined) break;
      after = next.after;
      if (!next.more) break;
    }
  } finally {
    await pool.query(sql.releaseSweep(environment, processor.name, after));
  }
}

/** Undefined where the processor could not be asked: the position stays for the next round. */
async function followPage(
  deps: PaymentsDeps,
  position: EventPosition,
): Promise<{ after: string | null; more: boolean } | undefined> {
  const page = await deps.processor.listEventsSince(position, EVENTS_PER_CALL);
  if (page.outcome === 'unavailable') return undefined;
  if (page.outcome === 'cursor_unknown') return { after: null, more: position.after !== null };
  // Several events tell of one payment; the newest of them is enough.
  const hints = new Map<string, ProcessorEvent>();
  for (const event of page.events) {
    if (isOurs(deps, event)) hints.set(event.paymentIntentId ?? event.objectId, event);
  }
  const waiting = [...hints.values()];
  while (waiting.length > 0) {
    const outcomes = await Promise.all(
      waiting
        .splice(0, HINTS_AT_ONCE)
        .map((event) =>
          attempt(deps, 'event', event.id, () => followHint(deps, event, 'event_sweep')),
        ),
    );
    if (outcomes.includes('processor_unavailable')) return undefined;
  }
  const after = page.events.at(-1)?.id ?? position.after;
  return { after, more: page.events.length === EVENTS_PER_CALL };
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
): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    deps.log?.error({ [kind]: id, err: error }, 'a purchase could not be worked in this round');
    return undefined;
  }
}
