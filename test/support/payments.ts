import { newId, type OrganizationId } from '#kernel/ids';
import { parseUsd, ZERO } from '#kernel/money';
import { readBalance } from '#ledger/balance';
import type { PaymentsDeps } from '#payments/deps';
import { beginPurchase, type Purchase } from '#payments/purchases';
import type { ReconcileDeps } from '#payments/reconcile';
import { stripePorts } from '#payments/stripe-ports';
import { startStripeSim } from '#sims/stripe-sim/server';
import { systemClock, systemEntropy } from '#src/system';
import { type TestDatabase, testDatabase } from '#test/database';

export const VISA = '4242424242424242';
export const NO_FUNDS = '4000000000009995';

export interface LogLine {
  readonly level: 'info' | 'warn' | 'error';
  readonly fields: Record<string, unknown>;
  readonly message: string;
}

export interface PaymentsWorld {
  readonly db: TestDatabase;
  readonly deps: ReconcileDeps;
  readonly simUrl: string;
  readonly secretKey: string;
  readonly log: LogLine[];
  organization(): Promise<OrganizationId>;
  begin(organizationId: OrganizationId, usd: string, deps?: PaymentsDeps): Promise<Purchase>;
  /** As a person on the hosted page would. */
  pay(purchase: Purchase, number?: string, threeDs?: 'pass' | 'fail'): Promise<unknown>;
  settings(settings: Record<string, unknown>): Promise<void>;
  faults(faults: Record<string, unknown>): Promise<void>;
  available(organizationId: OrganizationId): Promise<bigint>;
  grants(organizationId: OrganizationId): Promise<number>;
  close(): Promise<void>;
}

/** A database, a card processor that keeps its word, and nothing in between. */
export async function paymentsWorld(): Promise<PaymentsWorld> {
  const db = await testDatabase();
  const sim = await startStripeSim({ host: '127.0.0.1', port: 0 });
  const secretKey = 'sk_test_bursar';
  const log: LogLine[] = [];
  const write = (level: LogLine['level']) => (fields: Record<string, unknown>, message: string) => {
    log.push({ level, fields, message });
  };
  const deps: ReconcileDeps = {
    ...stripePorts({ secretKey, apiUrl: sim.url }),
    pool: db.pool,
    clock: systemClock,
    entropy: systemEntropy,
    urls: { console: 'http://127.0.0.1:4000' },
    environment: 'test',
    log: { info: write('info'), warn: write('warn'), error: write('error') },
  };
  const balance = (organizationId: OrganizationId) => readBalance(db.pool, organizationId);

  return {
    db,
    deps,
    simUrl: sim.url,
    secretKey,
    log,
    async organization() {
      const id = newId('organization', systemEntropy);
      await db.ownerPool.query({
        text: 'INSERT INTO orgs.organizations (id, name) VALUES ($1, $1)',
        values: [id],
      });
      return id;
    },
    async begin(organizationId, usd, as = deps) {
      const begun = await beginPurchase(as, {
        organizationId,
        amount: parseUsd(usd) ?? ZERO,
        trigger: 'manual',
        actor: 'user_test',
      });
      if (begun.outcome !== 'opened') throw new Error(`purchase not opened: ${begun.outcome}`);
      return begun.purchase;
    },
    pay: (purchase, number = VISA, threeDs = 'pass') =>
      control(sim.url, 'POST', `pay/${purchase.sessionId}`, { number, three_ds: threeDs }),
    async settings(settings) {
      await control(sim.url, 'PUT', 'settings', settings);
    },
    async faults(faults) {
      await control(sim.url, 'PUT', 'faults', faults);
    },
    available: async (organizationId) => (await balance(organizationId)).available,
    grants: async (organizationId) => (await balance(organizationId)).grants.length,
    async close() {
      await sim.close();
      await db.drop();
    },
  };
}

async function control(url: string, method: string, path: string, body: unknown): Promise<unknown> {
  const answer = await fetch(`${url}/_sim/${path}`, {
    method,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  const text = await answer.text();
  if (answer.status >= 500 || answer.status === 404) throw new Error(`simulator: ${text}`);
  return text === '' ? null : JSON.parse(text);
}
