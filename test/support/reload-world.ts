import Stripe from 'stripe';
import { parseUsd, ZERO } from '#kernel/money';
import { CURRENT_CONSENT } from '#payments/card-consent';
import { beginSetup, refreshSetup } from '#payments/card-setups';
import type { PaymentsDeps } from '#payments/deps';
import { listPurchases } from '#payments/purchases';
import { evaluateReload } from '#payments/reload';
import { type ReloadSettings, readReload, saveReloadSettings } from '#payments/reload-settings';
import { chargingOn, hold, makePayer, type Payer, settle } from '#test/ledger-world';
import { type PaymentsWorld, paymentsWorld, VISA } from '#test/payments';

export const usd = (text: string) => parseUsd(text) ?? ZERO;

/** From below ten dollars up to fifty. */
export const SETTINGS: ReloadSettings = {
  enabled: true,
  threshold: usd('10'),
  target: usd('50'),
  maxPerDay: 24,
  maxPerMonth: null,
};

/** One organization that reloads, and what may be done by it and asked about it. */
export interface Reloader {
  readonly payer: Payer;
  /** Keeps the settings, and asks whether to reload. */
  set(
    changes?: Partial<ReloadSettings>,
    deps?: PaymentsDeps,
  ): ReturnType<typeof saveReloadSettings>;
  ask(deps?: PaymentsDeps): ReturnType<typeof evaluateReload>;
  view(): ReturnType<typeof readReload>;
  purchases(): ReturnType<typeof listPurchases>;
  /** Saves a card as a person on the hosted page would. */
  save(number?: string): Promise<void>;
  spend(text: string): Promise<void>;
  /** Charges that went through at the processor, in cents. */
  charged(): Promise<number[]>;
  /** Jobs that wait for this organization. Only the newest of equal ones is kept. */
  queued(task: string): Promise<number>;
}

export interface ReloadWorld {
  readonly world: PaymentsWorld;
  readonly node: ReturnType<typeof chargingOn>;
  reloader(): Promise<Reloader>;
  /** Moves business time. */
  later(interval: string): Promise<unknown>;
  /** Tells the simulated processor something. */
  control(path: string, body: unknown): Promise<Response>;
  close(): Promise<void>;
}

let forms = 0;

export async function reloadWorld(): Promise<ReloadWorld> {
  const world = await paymentsWorld();
  await world.db.ownerPool.query({ text: 'UPDATE bursar.deployment SET simulated = true' });
  const node = chargingOn(world.db.url);
  const control = (path: string, body: unknown) =>
    fetch(`${world.simUrl}/_sim/${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
  return {
    ...{ world, node, control },
    reloader: async () => reloaderOf({ world, node, control }, await makePayer(world.db.pool)),
    later: (interval) =>
      world.db.ownerPool.query({
        text: 'SELECT bursar.advance_clock($1::interval)',
        values: [interval],
      }),
    async close() {
      await node.close();
      await world.close();
    },
  };
}

function reloaderOf(
  { world, node, control }: Pick<ReloadWorld, 'world' | 'node' | 'control'>,
  payer: Payer,
): Reloader {
  const { organizationId } = payer;
  return {
    payer,
    async set(changes = {}, deps = world.deps) {
      const settings = { ...SETTINGS, ...changes };
      const saved = await saveReloadSettings(deps, organizationId, settings, 'user_ada');
      // As the timer does a moment later.
      if (saved.outcome === 'saved' && settings.enabled) {
        await evaluateReload(deps, organizationId, 'settings_changed');
      }
      return saved;
    },
    ask: (deps = world.deps) => evaluateReload(deps, organizationId, 'request_refused'),
    view: () => readReload(world.db.pool, organizationId),
    purchases: () => listPurchases(world.db.pool, organizationId, 50),
    async save(number = VISA) {
      const begun = await beginSetup(world.deps, {
        ...{ organizationId, actor: 'user_ada', ip: '203.0.113.7' },
        consentVersion: CURRENT_CONSENT.version,
        nonce: `form-${forms++}-of-reloads`,
      });
      if (begun.outcome !== 'opened') throw new Error(begun.outcome);
      await control(`pay/${begun.setup.sessionId}`, { number, three_ds: 'pass' });
      await refreshSetup(world.deps, begun.setup);
    },
    async spend(text) {
      const held = await hold(node.charging, payer, usd(text));
      if (held.outcome !== 'held') throw new Error(held.outcome);
      await settle(node.charging, payer, held.id, usd(text));
    },
    async charged() {
      const url = new URL(world.simUrl);
      const options = { host: url.hostname, port: url.port, protocol: 'http' as const };
      const stripe = new Stripe(world.secretKey, { ...options, telemetry: false });
      const list = await stripe.paymentIntents.list({ limit: 100 });
      return list.data
        .filter(({ metadata }) => metadata.org_id === organizationId)
        .filter(({ status }) => status === 'succeeded')
        .map(({ amount }) => amount);
    },
    async queued(task) {
      const jobs = await world.db.ownerPool.query({
        text: `SELECT FROM graphile_worker.jobs AS j
            JOIN graphile_worker._private_jobs AS p ON p.id = j.id
           WHERE j.task_identifier = $1 AND p.payload ->> 'organization_id' = $2`,
        values: [task, organizationId],
      });
      return jobs.length;
    },
  };
}
