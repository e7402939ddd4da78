import { registerAdminApi } from '#admin-api/register';
import { createGateway } from '#gateway/gateway';
import { createApiKey, type KeyKind } from '#orgs/api-keys';
import { STRICT_POLICY } from '#outgoing-webhooks/target';
import { bundledBook } from '#pricing/bundled-book';
import { startModelSim } from '#sims/model-sim/server';
import { systemClock, systemEntropy } from '#src/system';
import type { TestDatabase } from '#test/database';
import { ask } from '#test/gateway-world';
import { chargingOn, give, makePayer, type Payer, usd } from '#test/ledger-world';
import { type PaymentsWorld, paymentsWorld } from '#test/payments';
import { recordedPrices } from '#test/prices';

const pepper = Buffer.from('pepper of the tests');

export interface AdminAnswer {
  readonly status: number;
  readonly body: ReturnType<typeof JSON.parse>;
}

/** A gateway on a database, with one organization that has credit and one that has none. */
export interface AdminWorld {
  readonly db: TestDatabase;
  /** The card processor's side. */
  readonly shop: PaymentsWorld;
  readonly url: string;
  readonly payer: Payer;
  /** A key that pays, one that looks after its organization, and one that looks after another. */
  readonly key: string;
  readonly admin: string;
  readonly foreign: string;
  newKey(of: Payer, kind: KeyKind): Promise<{ readonly id: string; readonly key: string }>;
  /** Below `/v1/organizations`. */
  call(method: string, path: string, body?: object, as?: string): Promise<AdminAnswer>;
  get(path: string, as?: string): Promise<AdminAnswer>;
  close(): Promise<void>;
}

export async function adminWorld(): Promise<AdminWorld> {
  const shop = await paymentsWorld();
  const { db, deps: payments } = shop;
  const { pool } = db;
  const money = chargingOn(db.url);
  const sim = await startModelSim({ host: '127.0.0.1', port: 0 });
  const entropy = systemEntropy;
  const gateway = await createGateway({
    ...{ pool, charging: money.charging, prices: await recordedPrices(pool), pepper, entropy },
    upstream: { url: sim.url, key: 'operator-key' },
    ...{ clock: systemClock, logger: false, drainSeconds: 5 },
    billingUrl: 'http://127.0.0.1:4000/settings/billing',
    register: (app, door) =>
      registerAdminApi(app, {
        ...{ pool, payments, entropy, book: bundledBook, ...door },
        webhooks: { pepper, policy: STRICT_POLICY },
      }),
  });
  const url = await gateway.listen('127.0.0.1', 0);
  const [payer, stranger] = await Promise.all([makePayer(pool), makePayer(pool)]);
  for (const amount of ['5', '3', '2']) await give(pool, payer, usd(amount));

  const newKey: AdminWorld['newKey'] = ({ organizationId, workspaceId }, kind) =>
    pool.transaction((tx) =>
      createApiKey(
        tx,
        { entropy, pepper },
        { organizationId, workspaceId, kind, name: `${kind} key`, createdBy: null },
      ),
    );
  const { key } = await newKey(payer, 'workspace');
  const { key: admin } = await newKey(payer, 'admin');
  const { key: foreign } = await newKey(stranger, 'admin');

  async function call(method: string, path: string, body: object = {}, as = admin) {
    const at = `/v1/organizations${path}`;
    const sent = method === 'DELETE' ? Buffer.alloc(0) : body;
    const answer = await ask({ url, key: as }, { method, path: at, body: sent });
    return { status: answer.status, body: JSON.parse(answer.body.toString()) };
  }
  return {
    ...{ db, shop, url, payer, key, admin, foreign, newKey, call },
    get: (path, as) => call('GET', path, {}, as),
    async close() {
      await gateway.close();
      await sim.close();
      await money.close();
      await shop.close();
    },
  };
}

/** The words of a refusal. */
export const messageOf = ({ body }: Pick<AdminAnswer, 'body'>): string =>
  String(body.error.message);
