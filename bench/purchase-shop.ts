import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { openPool, type Pool } from '#db/pool';
import { newId } from '#kernel/ids';
import { fromCents } from '#kernel/money';
import { beginPurchase, type Purchase } from '#payments/purchases';
import type { ReconcileDeps } from '#payments/reconcile';
import { stripePorts } from '#payments/stripe-ports';
import { systemClock, systemEntropy } from '#src/system';
import { inParallel, withServer } from './ledger-server.ts';

export const PRICE = fromCents(500n);

const SIMULATOR = fileURLToPath(new URL('../sims/stripe-sim/main.ts', import.meta.url));
const KEY = 'sk_test_bench';
const BEGUN_AT_ONCE = 8;

/** A database and a card processor of the bench's own, and what a customer does with them. */
export interface Shop {
  readonly deps: ReconcileDeps;
  readonly databaseUrl: string;
  readonly owner: Pool;
  readonly processorUrl: string;
  /** Purchases of as many new organizations, each with its payment page open. */
  begin(count: number): Promise<readonly Purchase[]>;
  /** As a person on the page with a good card; resolves to the payment's id. */
  pay(purchase: Purchase): Promise<string>;
  faults(faults: Readonly<Record<string, string>>): Promise<void>;
}

export function openShop<T>(work: (shop: Shop) => Promise<T>): Promise<T> {
  return withServer(async ({ url, ownerUrl }) => {
    const simulator = spawn(process.execPath, ['--no-warnings', SIMULATOR], {
      env: { ...process.env, STRIPE_SIM_PORT: '0' },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const pool = openPool({ url, name: 'bench', max: 12, connectTimeoutMs: 60_000 });
    const owner = openPool({ url: ownerUrl, name: 'bench owner', max: 2 });
    try {
      return await work(shopOn(await addressOf(simulator), { pool, owner, url }));
    } finally {
      await Promise.all([pool.close(), owner.close()]);
      simulator.kill('SIGTERM');
      await once(simulator, 'exit');
    }
  });
}

/** The simulator says where it listens as its first line. */
async function addressOf(simulator: ChildProcess): Promise<string> {
  if (simulator.stdout === null) throw new Error('the simulator cannot say where it is');
  for await (const line of createInterface(simulator.stdout)) {
    const told: unknown = JSON.parse(line);
    const url: unknown = Reflect.get(Object(told), 'stripe_sim');
    if (typeof url === 'string') return url;
  }
  throw new Error('the simulator ended at its start');
}

function shopOn(
  processorUrl: string,
  { pool, owner, url }: { readonly pool: Pool; readonly owner: Pool; readonly url: string },
): Shop {
  const access = { secretKey: KEY, apiUrl: processorUrl };
  const deps: ReconcileDeps = {
    ...{ pool, clock: systemClock, entropy: systemEntropy, environment: 'bench' },
    ...stripePorts(access),
    urls: { console: 'http://127.0.0.1:4000' },
    webhooksExpected: false,
  };
  const control = (method: string, path: string, body: object) =>
    fetch(`${processorUrl}/_sim/${path}`, { method, body: JSON.stringify(body) });

  async function beginOne(): Promise<Purchase> {
    const organizationId = newId('organization', systemEntropy);
    const text = 'INSERT INTO orgs.organizations (id, name) VALUES ($1, $1)';
    await owner.query({ text, values: [organizationId] });
    const asked = { organizationId, amount: PRICE, trigger: 'manual', actor: 'bench' } as const;
    const begun = await beginPurchase(deps, asked);
    if (begun.outcome !== 'opened') throw new Error(`not opened: ${begun.outcome}`);
    return begun.purchase;
  }

  return {
    ...{ deps, owner, processorUrl, databaseUrl: url },
    begin: (count) => inParallel(count, BEGUN_AT_ONCE, beginOne),
    async pay(purchase) {
      const answer = await control('POST', `pay/${purchase.sessionId}`, {
        number: '4242424242424242',
      });
      const told: unknown = await answer.json();
      const payment: unknown = Reflect.get(Object(told), 'payment_intent');
      if (typeof payment !== 'string') throw new Error(`not paid: ${JSON.stringify(told)}`);
      return payment;
    },
    async faults(faults) {
      await (await control('PUT', 'faults', faults)).body?.cancel();
    },
  };
}
