import { z } from 'zod';
import type { Batch } from '#batches/records';
import type { BatchState } from '#batches/states';

const count = z.int().nonnegative();
const time = z.iso.datetime();

export const messageBatch = z
  .object({
    id: z.string(),
    type: z.literal('message_batch'),
    processing_status: z.enum(['in_progress', 'canceling', 'ended']),
    request_counts: z.object({
      processing: count,
      succeeded: count,
      errored: count,
      canceled: count,
      expired: count,
    }),
    created_at: time,
    expires_at: time,
    ended_at: time.nullable(),
    cancel_initiated_at: time.nullable(),
    archived_at: time.nullable(),
    results_url: z.string().nullable(),
  })
  .meta({ id: 'MessageBatch' });
export const messageBatchPage = z
  .object({
    data: z.array(messageBatch),
    has_more: z.boolean(),
    first_id: z.string().nullable(),
    last_id: z.string().nullable(),
  })
  .meta({ id: 'MessageBatchPage' });
export const deletedMessageBatch = z
  .object({ id: z.string(), type: z.literal('message_batch_deleted') })
  .meta({ id: 'DeletedMessageBatch' });
export const creationHeaders = z.looseObject({
  'idempotency-key': z
    .string()
    .regex(/^[\x20-\x7e]{1,255}$/)
    .optional()
    .describe(
      'Of all creations with one key within 24 hours one is executed. Once its batch is made, ' +
        'others are answered with that batch; before, with 409.',
    ),
});
/** Describes a creation, which is read by hand. */
export const messageBatchRequest = z
  .object({
    requests: z
      .array(z.object({ custom_id: z.string(), params: z.looseObject({ model: z.string() }) }))
      .describe('at most 100,000'),
  })
  .meta({ id: 'MessageBatchRequest' });

type MessageBatch = z.infer<typeof messageBatch>;

/** What a customer sees of each state; those that were never seen are not here. */
const SHOWN: Readonly<Record<BatchState, MessageBatch['processing_status']>> = {
  creating: 'in_progress',
  refused: 'ended',
  in_progress: 'in_progress',
  canceling: 'canceling',
  ended: 'ended',
  settled: 'ended',
  deleted: 'ended',
  abandoning: 'ended',
  abandoned: 'ended',
};
const DAY_MS = 86_400_000;

/** Whether there are results, or soon will be. After 29 days there are none any more. */
export const hasResults = ({ state, resultsEndedAt }: Batch): boolean =>
  (state === 'ended' || state === 'settled') && resultsEndedAt === null;

/** A batch as the Messages API shows it, under our name. `gatewayUrl` has no final slash. */
export function shownBatch(batch: Batch, gatewayUrl: string): MessageBatch {
  const created = batch.createdAt ?? batch.admittedAt;
  const expires = batch.expiresAt ?? new Date(created.getTime() + DAY_MS);
  return {
    id: batch.id,
    type: 'message_batch',
    processing_status: SHOWN[batch.state],
    request_counts: { ...batch.counts },
    created_at: created.toISOString(),
    expires_at: expires.toISOString(),
    ended_at: batch.endedAt?.toISOString() ?? null,
    cancel_initiated_at: batch.cancelInitiatedAt?.toISOString() ?? null,
    archived_at: (batch.archivedAt ?? batch.resultsEndedAt)?.toISOString() ?? null,
    results_url: hasResults(batch) ? `${gatewayUrl}/v1/messages/batches/${batch.id}/results` : null,
  };
}
