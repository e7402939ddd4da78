import { setTimeout as pause } from 'node:timers/promises';
import type Stripe from 'stripe';
import { newId, type OrganizationId } from '#kernel/ids';
import { readBalance } from '#ledger/balance';
import { beginPurchase, type Purchase, readPurchase, refreshPurchase } from '#payments/purchases';
import type { ReconcileDeps } from '#payments/reconcile';
import { stripePorts } from '#payments/stripe-ports';
import { sweepEvents } from '#payments/sweep';
import { systemClock, systemEntropy } from '#src/system';
import { type TestDatabase, testDatabase } from '#test/database';
import { makePayer, type Payer, usd } from '#test/ledger-world';
import type { PageOutcome, TypedCard } from './hands.ts';
import { type Line, openLine } from './line.ts';
import { apiAt } from './processor-api.ts';
import type { Setting, Stage } from './settings.ts';

/** A shop with a database of its own, before a processor it shares with other runs. */
export interface World {
  readonly setting: Setting;
  readonly stage: Stage;
  readonly db: TestDatabase;
  readonly deps: ReconcileDeps;
  /** Between the product and the processor. */
  readonly line: Line;
  /** As somebody at the processor: the dashboard, or a card's owner. */
  readonly stripe: Stripe;
  /** Between that somebody and the processor. */
  readonly theirLine: Line;
  payer(): Promise<Payer>;
  begin(organizationId: OrganizationId, amount: string): Promise<Purchase>;
  /** As a person on the purchase's page. */
  enter(purchase: Purchase, card: TypedCard): Promise<PageOutcome>;
  /** What the return page does; answers the purchase as it stands then. */
  look(purchase: Purchase): Promise<Purchase>;
  stored(purchase: Purchase): Promise<Purchase>;
  available(organizationId: OrganizationId): Promise<bigint>;
  grants(organizationId: OrganizationId): Promise<number>;
  /** Asks until there is an answer, for what a processor does in its own time. */
  until<T>(what: string, probe: () => Promise<T | undefined>): Promise<T>;
  /** The same with a sweep of the event list before each look: nothing else tells the shop. */
  sweepUntil<T>(what: string, probe: () => Promise<T | undefined>): Promise<T>;
  close(): Promise<void>;
}

export async function openWorld(setting: Setting): Promise<World> {
  const stage = await setting.open();
  const db = await testDatabase();
  const { processorUrl, secretKey } = stage;
  const { spacingMs } = setting;
  const line = await openLine({ processorUrl, spacingMs });
  const theirLine = await openLine({ processorUrl, spacingMs });
  const stripe = apiAt(theirLine.url, secretKey);
  const deps: ReconcileDeps = {
    ...stripePorts({ secretKey, apiUrl: line.url }),
    ...{ pool: db.pool, clock: systemClock, entropy: systemEntropy },
    urls: { console: stage.shopUrl },
    // Every run is a deployment of its own: it neither judges nor repeats what another one sold.
    environment: `t${newId('request', systemEntropy).slice(-12).toLowerCase()}`,
  };

  const until = async <T>(what: string, probe: () => Promise<T | undefined>): Promise<T> => {
    const deadline = performance.now() + setting.patienceMs;
    for (;;) {
      const found = await probe();
      if (found !== undefined) return found;
      if (performance.now() >= deadline) throw new Error(`${what}: waited too long`);
      await pause(setting.pollMs);
    }
  };
  const balance = (organizationId: OrganizationId) => readBalance(db.pool, organizationId);

  return {
    ...{ setting, stage, db, deps, line, stripe, theirLine, until },
    payer: () => makePayer(db.pool),
    async begin(organizationId, amount) {
      const asked = { organizationId, amount: usd(amount), trigger: 'manual' } as const;
      const begun = await beginPurchase(deps, { ...asked, actor: 'user_test' });
      if (begun.outcome !== 'opened') throw new Error(`not opened: ${begun.outcome}`);
      return begun.purchase;
    },
    async enter(purchase, card) {
      if (purchase.redirectUrl === null) throw new Error('this purchase has no page');
      return stage.hands.enter(purchase.redirectUrl, card);
    },
    async look(purchase) {
      const refreshed = await refreshPurchase(deps, purchase.id);
      if (refreshed.outcome !== 'refreshed') throw new Error(refreshed.outcome);
      return refreshed.purchase;
    },
    async stored(purchase) {
      const row = await readPurchase(db.pool, purchase.id);
      if (row === undefined) throw new Error('the purchase vanished');
      return row;
    },
    available: async (organizationId) => (await balance(organizationId)).available,
    grants: async (organizationId) => (await balance(organizationId)).grants.length,
    sweepUntil: (what, probe) =>
      until(what, async () => {
        // With nothing open it is swept once a minute; that minute is over.
        await db.ownerPool.query({ text: 'UPDATE payments.event_cursor SET swept_at = NULL' });
        await sweepEvents(deps);
        return probe();
      }),
    async close() {
      try {
        await leaveNothing(db, stripe);
      } finally {
        await Promise.all([line.close(), theirLine.close(), stage.close()]);
        await db.drop();
      }
    },
  };
}

/** The account is somebody's: open pages are closed, customers and their cards removed. */
async function leaveNothing(db: TestDatabase, stripe: Stripe): Promise<void> {
  const customers = await db.ownerPool.query<{ id: string }>({
    text: 'SELECT customer_id AS id FROM payments.customers',
  });
  for (const { id } of customers) {
    const open = await stripe.checkout.sessions.list({ customer: id, status: 'open', limit: 100 });
    for (const session of open.data) await stripe.checkout.sessions.expire(session.id);
    await stripe.customers.del(id);
  }
}
