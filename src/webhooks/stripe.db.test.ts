import { createHmac } from 'node:crypto';
import Fastify, { type FastifyInstance } from 'fastify';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type TestDatabase, testDatabase } from '#test/database';
import { registerStripeWebhook } from '#webhooks/stripe';

const SECRET = 'whsec_test_only';
let db: TestDatabase;
let app: FastifyInstance;

beforeAll(async () => {
  db = await testDatabase();
});
afterAll(() => db.drop());
afterEach(() => app.close());

function listen(secrets: readonly string[]): void {
  app = Fastify();
  registerStripeWebhook(app, { pool: db.pool, secrets, livemode: false });
}

const eventBody = (id: string, part: Record<string, unknown> = {}) =>
  JSON.stringify({
    id,
    object: 'event',
    type: 'payment_intent.succeeded',
    livemode: false,
    data: {
      object: {
        id: 'pi_1',
        object: 'payment_intent',
        metadata: { purpose: 'credit_topup', purchase_id: 'pur_1', env: 'test', org_id: 'org_1' },
      },
    },
    ...part,
  });

const sign = (body: string, secret: string, at = Math.floor(Date.now() / 1000)) =>
  `t=${at},v1=${createHmac('sha256', secret).update(`${at}.${body}`).digest('hex')}`;

const deliver = (body: string, signature: string) =>
  app.inject({
    method: 'POST',
    url: '/webhooks/stripe',
    headers: { 'content-type': 'application/json', 'stripe-signature': signature },
    payload: body,
  });

const count = async (table: string, where: string): Promise<bigint> => {
  const rows = await db.ownerPool.query<{ n: bigint }>({
    text: `SELECT count(*) AS n FROM ${table} WHERE ${where}`,
  });
  return rows[0]?.n ?? -1n;
};
const stored = (id: string) => count('payments.webhook_inbox', `event_id = '${id}'`);
const queued = (id: string) =>
  count('graphile_worker.jobs', `key = 'payments.webhook:/webhooks/stripe:${id}'`);

describe('a webhook', () => {
  it('is stored with its job before it is answered, and its repetitions add nothing (T5)', async () => {
    listen([SECRET]);
    const body = eventBody('evt_1');
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => deliver(body, sign(body, SECRET))),
    );
    expect(new Set(answers.map((answer) => answer.statusCode))).toEqual(new Set([200]));
    expect(await stored('evt_1')).toBe(1n);
    expect(await queued('evt_1')).toBe(1n);
  });

  it('is refused when forged: other key, empty key, changed body, old, missing (T3)', async () => {
    listen([SECRET]);
    const body = eventBody('evt_forged');
    const old = Math.floor(Date.now() / 1000) - 301;
    for (const signature of [
      sign(body, 'whsec_other'),
      sign(body, ''),
      sign(body, ' '),
      sign(`${body} `, SECRET),
      sign(body, SECRET, old),
      sign(body, SECRET).replace('v1=', 'v0='),
      '',
    ]) {
      expect((await deliver(body, signature)).statusCode).toBe(400);
    }
    expect(await stored('evt_forged')).toBe(0n);
  });

  it('is refused with 503 while no secret is configured, whatever signs it (S01)', async () => {
    const body = eventBody('evt_open');
    for (const secrets of [[], [''], ['  ']]) {
      listen(secrets);
      expect((await deliver(body, sign(body, ''))).statusCode).toBe(503);
      expect((await deliver(body, sign(body, '  '))).statusCode).toBe(503);
      await app.close();
    }
    expect(await stored('evt_open')).toBe(0n);
    listen([SECRET]);
  });

  it('is accepted under either secret while one replaces the other (F67)', async () => {
    listen(['whsec_new', SECRET]);
    for (const [id, secret] of [
      ['evt_a', SECRET],
      ['evt_b', 'whsec_new'],
    ] as const) {
      const body = eventBody(id);
      expect((await deliver(body, sign(body, secret))).statusCode).toBe(200);
      expect(await stored(id)).toBe(1n);
    }
  });

  it('of the other mode is refused (S33)', async () => {
    listen([SECRET]);
    const body = eventBody('evt_live', { livemode: true });
    expect((await deliver(body, sign(body, SECRET))).statusCode).toBe(400);
    expect(await stored('evt_live')).toBe(0n);
  });

  it('larger than 512 KiB is refused before its signature is looked at (T4)', async () => {
    listen([SECRET]);
    const body = eventBody('evt_big', { padding: 'x'.repeat(512 * 1024) });
    expect((await deliver(body, sign(body, SECRET))).statusCode).toBe(413);
    expect(await stored('evt_big')).toBe(0n);
  });

  it('of a connected account is answered and dropped: its ids are not of ours', async () => {
    listen([SECRET]);
    const body = eventBody('evt_connected', { account: 'acct_1' });
    expect((await deliver(body, sign(body, SECRET))).statusCode).toBe(200);
    expect(await stored('evt_connected')).toBe(0n);
  });

  it('of another purpose is kept as ignored and starts no work (S38)', async () => {
    listen([SECRET]);
    const body = eventBody('evt_foreign', {
      data: { object: { id: 'pi_2', metadata: { purpose: 'subscription' } } },
    });
    expect((await deliver(body, sign(body, SECRET))).statusCode).toBe(200);
    expect(await stored('evt_foreign')).toBe(1n);
    expect(await queued('evt_foreign')).toBe(0n);
  });
});
