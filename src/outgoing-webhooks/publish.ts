import { createHash } from 'node:crypto';
import { enqueue } from '#db/jobs';
import type { Db } from '#db/pool';
import { assert } from '#kernel/assert';
import type { JsonObject } from '#kernel/json';
import { EVENT_TYPES, type EventType, TEST_TYPE } from './catalogue.ts';
import * as sql from './sql.ts';

/** Wakes a sender; what is due, and for whom, is in the rows. */
export const EVENTS_DUE_TASK = 'webhooks_due';

/** What Standard Webhooks advises: larger things are a link. */
const BODY_BYTES_MAX = 20_480;

export interface Event {
  readonly organizationId: string;
  /** Names what happened. Published again, it is the same event. */
  readonly eventId: string;
  readonly type: EventType;
  /** Business time. */
  readonly occurredAt: Date;
  readonly data: JsonObject;
}

/**
 * Tells the organization's endpoints that are enabled and ask for the type, in the caller's
 * transaction. Answers how many it will be sent to; 0 if it was published before.
 */
export async function publishEvent(tx: Db, event: Event): Promise<number> {
  assert(event.type !== TEST_TYPE, 'a test goes to one endpoint');
  const message = messageOf(event);
  const { organizationId } = event;
  const made = await tx.query(sql.insertEventForSubscribers({ organizationId, ...message }));
  if (made.length > 0) await wakeSender(tx, organizationId);
  return made.length;
}

/** More than a person presses a button; a program must not knock at a stranger's door with us. */
export const TESTS_A_MINUTE = 30;

export type Tested =
  | { readonly outcome: 'waiting'; readonly eventId: string }
  | { readonly outcome: 'unknown_endpoint' | 'endpoint_off' | 'too_many_tests' };

/** Sends a test to one endpoint, whatever types it asks for. */
export async function publishTest(
  tx: Db,
  to: {
    readonly organizationId: string;
    readonly endpointId: string;
    /** Of the press of the button. */
    readonly eventId: string;
    readonly now: Date;
  },
): Promise<Tested> {
  const { organizationId, endpointId, eventId } = to;
  const [endpoint] = await tx.query<sql.TestedRow>(sql.lockForTest(organizationId, endpointId));
  if (endpoint === undefined) return { outcome: 'unknown_endpoint' };
  if (!endpoint.enabled) return { outcome: 'endpoint_off' };
  const counted = sql.countTests(organizationId, endpointId);
  const [recent] = await tx.query<{ tests: number }>(counted);
  if ((recent?.tests ?? 0) >= TESTS_A_MINUTE) return { outcome: 'too_many_tests' };
  const data = EVENT_TYPES[TEST_TYPE].data;
  const event = { organizationId, eventId, type: TEST_TYPE, occurredAt: to.now, data } as const;
  const message = messageOf(event);
  await tx.query(sql.insertEventForOne({ organizationId, endpointId, ...message }));
  await wakeSender(tx, organizationId);
  return { outcome: 'waiting', eventId: message.id };
}

/** One key for each organization: a key for all would queue their transactions up at one row. */
export const wakeSender = (tx: Db, organizationId: string): Promise<void> =>
  enqueue(tx, EVENTS_DUE_TASK, {}, { jobKey: `${EVENTS_DUE_TASK}:${organizationId}` });

function messageOf({ organizationId, eventId, type, occurredAt, data }: Event) {
  const body = JSON.stringify({ type, timestamp: occurredAt.toISOString(), data });
  assert(Buffer.byteLength(body) <= BODY_BYTES_MAX, 'an event is small');
  return { id: messageId(organizationId, eventId), type, occurredAt, body };
}

/**
 * What receivers tell repetitions by. A digest, so that whatever callers name their events by, no
 * full stop gets into what is signed, and nothing of it is told.
 */
function messageId(organizationId: string, eventId: string): string {
  const digest = createHash('sha256').update(`${organizationId}\n${eventId}`).digest('hex');
  return `evt_${digest.slice(0, 32)}`;
}
