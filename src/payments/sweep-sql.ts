import type { Statement } from '#db/pool';
import type { PurchaseState } from '#payments/purchase';

/**
 * Keeps idle processes from asking the same question. Short, because a process that died while
 * sweeping must not delay the next one; a sweep that takes longer may be doubled, which is harmless.
 */
const SWEEP_LEASE = '1 second';

export interface SweepPosition {
  readonly lastEventId: string | null;
  /** The event right after that one, where it could not be worked `failingTries` times. */
  readonly failingEventId: string | null;
  readonly failingTries: number;
}

export const ensureCursor = (environment: string, provider: string): Statement => ({
  text: `INSERT INTO payments.event_cursor (environment, provider) VALUES ($1, $2)
    ON CONFLICT DO NOTHING`,
  values: [environment, provider],
});

/**
 * Takes the right to sweep, or returns no row: somebody else is sweeping, or there is no reason to.
 * With a purchase open there is always a reason; otherwise once a minute, for what comes late.
 */
export const leaseSweep = (
  environment: string,
  provider: string,
  openStates: readonly PurchaseState[],
): Statement => ({
  text: `UPDATE payments.event_cursor
      SET leased_until = bursar.real_now() + interval '${SWEEP_LEASE}'
    WHERE environment = $1 AND provider = $2
      AND (leased_until IS NULL OR leased_until < bursar.real_now())
      AND (swept_at IS NULL OR swept_at < bursar.real_now() - interval '1 minute'
        OR EXISTS (SELECT FROM payments.purchases
            WHERE environment = $1 AND next_poll_at IS NOT NULL AND state = ANY ($3)))
    RETURNING last_event_id AS "lastEventId", failing_event_id AS "failingEventId",
      failing_tries AS "failingTries"`,
  values: [environment, provider, openStates],
});

export const releaseSweep = (
  environment: string,
  provider: string,
  reached: SweepPosition,
  skewSeconds: number | null,
): Statement => ({
  text: `UPDATE payments.event_cursor SET last_event_id = $3, failing_event_id = $4,
      failing_tries = $5, clock_skew_seconds = coalesce($6, clock_skew_seconds), swept_at = bursar.real_now(), leased_until = NULL
    WHERE environment = $1 AND provider = $2`,
  values: [
    environment,
    provider,
    reached.lastEventId,
    reached.failingEventId,
    reached.failingTries,
    skewSeconds,
  ],
});

/**
 * Takes the purchases whose turn it is and sets their next turn before they are looked at, so that
 * two processes never poll the same one. The steps: 5 s for two minutes, 30 s for ten, 2 min for
 * an hour, 15 min for a day; then only what is still open. A reload whose outcome nobody knows has
 * no page and no person: only asking again ends it, so it is asked 2 s apart ten times, then 5 s for
 * two hours, then every 30 s, and requests are refused no longer than an outage lasts.
 */
export const takeDuePurchases = (
  environment: string,
  openStates: readonly PurchaseState[],
  limit: number,
): Statement => ({
  text: `UPDATE payments.purchases AS p SET polls = p.polls + 1, next_poll_at =
        CASE WHEN p.trigger = 'auto_reload' AND p.state = ANY ($3) THEN bursar.real_now() +
                  CASE WHEN p.polls < 10 THEN interval '2 seconds'
                       WHEN p.polls < 1450 THEN interval '5 seconds'
                       ELSE interval '30 seconds' END
             WHEN p.polls < 24 THEN bursar.real_now() + interval '5 seconds'
             WHEN p.polls < 44 THEN bursar.real_now() + interval '30 seconds'
             WHEN p.polls < 74 THEN bursar.real_now() + interval '2 minutes'
             WHEN p.polls < 170 OR p.state = ANY ($3)
               THEN bursar.real_now() + interval '15 minutes' END
      FROM (SELECT organization_id, id FROM payments.purchases
             WHERE environment = $1 AND next_poll_at <= bursar.real_now()
             ORDER BY next_poll_at LIMIT $2 FOR UPDATE SKIP LOCKED) AS due
     WHERE p.organization_id = due.organization_id AND p.id = due.id
     RETURNING p.id`,
  values: [environment, limit, openStates],
});

export interface ReceivedEvent {
  readonly endpoint: string;
  readonly eventId: string;
  readonly type: string;
  readonly objectId: string;
  readonly paymentIntentId: string | null;
  readonly purchaseId: string | null;
}

export const insertEvent = (event: ReceivedEvent): Statement => ({
  text: `INSERT INTO payments.webhook_inbox AS inbox
      (endpoint, event_id, type, object_id, payment_intent_id, purchase_id)
    VALUES ($1, $2, $3, $4, $5, $6)
    ON CONFLICT (endpoint, event_id) DO UPDATE SET deliveries = inbox.deliveries + 1
    RETURNING outcome`,
  values: [
    event.endpoint,
    event.eventId,
    event.type,
    event.objectId,
    event.paymentIntentId,
    event.purchaseId,
  ],
});

export const findEvent = (endpoint: string, eventId: string): Statement => ({
  text: `SELECT endpoint, event_id AS "eventId", type, object_id AS "objectId",
      payment_intent_id AS "paymentIntentId", purchase_id AS "purchaseId"
    FROM payments.webhook_inbox WHERE endpoint = $1 AND event_id = $2`,
  values: [endpoint, eventId],
});

export const finishEvent = (endpoint: string, eventId: string, outcome: string): Statement => ({
  text: `UPDATE payments.webhook_inbox SET outcome = $3, processed_at = bursar.now()
    WHERE endpoint = $1 AND event_id = $2`,
  values: [endpoint, eventId, outcome],
});
