import { enqueue } from '#db/jobs';
import type { Pool } from '#db/pool';
import { isSetupNews } from '#payments/card-setups';
import { CARD_EVENTS } from '#payments/cards';
import type { PaymentsDeps } from '#payments/deps';
import { followHint } from '#payments/hint';
import { moneyBackTopic } from '#payments/money-back-events';
import { type ProcessorEvent, PURPOSE } from '#payments/processor';
import * as sql from '#payments/sweep-sql';

export const WEBHOOK_TASK = 'payments.webhook';

/**
 * Stores an event and the job to work it, together. The event is done only when its work is: a
 * repeated delivery of one that is not done queues it again, one that is done changes nothing.
 */
export async function receiveEvent(
  pool: Pool,
  endpoint: string,
  event: ProcessorEvent,
): Promise<void> {
  await pool.transaction(async (tx) => {
    const [row] = await tx.query<{ outcome: string | null }>(
      sql.insertEvent({
        endpoint,
        eventId: event.id,
        type: event.type,
        objectId: event.objectId,
        paymentIntentId: event.paymentIntentId,
        purchaseId: event.purchaseId,
      }),
    );
    if (row?.outcome !== null) return;
    const aboutCards = CARD_EVENTS.has(event.type) || isSetupNews(event);
    const known = moneyBackTopic(event.type) !== undefined || aboutCards;
    if (event.purpose !== PURPOSE && !known) {
      await tx.query(sql.finishEvent(endpoint, event.id, 'ignored'));
      return;
    }
    await enqueue(
      tx,
      WEBHOOK_TASK,
      { endpoint, event_id: event.id },
      { jobKey: `${WEBHOOK_TASK}:${endpoint}:${event.id}` },
    );
  });
}

/** Works a stored event. Throws where the processor cannot be asked, so that the job is retried. */
export async function workEvent(
  deps: PaymentsDeps,
  endpoint: string,
  eventId: string,
): Promise<void> {
  const [event] = await deps.pool.query<sql.ReceivedEvent>(sql.findEvent(endpoint, eventId));
  if (event === undefined) return;
  const outcome = await followHint(deps, event, 'webhook');
  if (outcome === 'processor_unavailable') {
    throw new Error(`the processor cannot be asked about event ${eventId}`);
  }
  await deps.pool.query(sql.finishEvent(endpoint, eventId, outcome));
}
