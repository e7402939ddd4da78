import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import type { OrganizationId } from '#kernel/ids';
import { parseUsd } from '#kernel/money';
import { verifyLedger } from '#ledger/reconcile';
import {
  beginPurchase,
  listPurchases,
  type Purchase,
  readPurchase,
  refreshPurchase,
} from '#payments/purchases';
import { reconcile } from '#payments/reconcile';
import { sweepEvents } from '#payments/sweep';
import { type PaymentsWorld, paymentsWorld } from '#test/payments';

const MORTAL = fileURLToPath(new URL('mortal.ts', import.meta.url));
/** Processes at once; each is busy for a moment only. */
const AT_ONCE = 3;
/** Some twenty processes one after the other, on a machine that may be busy. */
const PATIENCE = { timeout: 600_000 };
/** Far more than any of the tasks has. */
const STEPS_MAX = 60;

let world: PaymentsWorld;
beforeAll(async () => {
  world = await paymentsWorld();
});
afterAll(() => world.close());

type Task = 'begin' | 'settle' | 'cancel';

/** Runs a task in a process that dies at a step; false once it had fewer steps and ended. */
function killedAt(task: Task, step: number, told: Record<string, string>): Promise<boolean> {
  const child = spawn(process.execPath, ['--no-warnings', MORTAL], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: {
      ...process.env,
      DATABASE_URL: world.db.url,
      MORTAL_PROCESSOR: world.simUrl,
      MORTAL_KEY: world.secretKey,
      MORTAL_TASK: task,
      MORTAL_DIES_AT: String(step),
      ...told,
    },
  });
  let said = '';
  child.stderr.on('data', (part: Buffer) => {
    said += part.toString('utf8');
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code, signal) => {
      if (signal === 'SIGKILL') resolve(true);
      else if (code === 0) resolve(false);
      else reject(new Error(`${task} ended with ${code}: ${said}`));
    });
  });
}

interface Death {
  readonly died: boolean;
  /** What happens afterwards in the world, and what must be true then. */
  afterwards(): Promise<void>;
}

/**
 * Kills a task at its first step, at its second, and so on, until it has no more. Nothing comes
 * after any of those at once: the help for one would help the others while they still live.
 */
async function atEveryStep(once: (step: number) => Promise<Death>): Promise<number> {
  let killed = 0;
  for (let step = 1; step <= STEPS_MAX; step += AT_ONCE) {
    const steps = Array.from({ length: AT_ONCE }, (_, next) => step + next);
    const deaths = await Promise.all(steps.map((each) => once(each)));
    for (const { afterwards } of deaths) await afterwards();
    const died = deaths.filter((death) => death.died).length;
    killed += died;
    if (died < deaths.length) return killed;
  }
  throw new Error(`still dying at step ${STEPS_MAX}`);
}

const told = z.object({
  data: z.array(z.object({ status: z.string(), metadata: z.record(z.string(), z.string()) })),
});

/** How often a card was charged for this organization, by the processor's own account. */
async function charges(org: OrganizationId): Promise<number> {
  const answer = await fetch(`${world.simUrl}/_sim/payments`);
  const { data } = told.parse(await answer.json());
  return data.filter(({ status, metadata }) => status === 'succeeded' && metadata.org_id === org)
    .length;
}

const listed = z.object({
  data: z.array(z.object({ metadata: z.record(z.string(), z.string()) })),
});

/** Payment pages the processor ever made for this organization. */
async function pagesOf(org: OrganizationId): Promise<number> {
  const answer = await fetch(`${world.simUrl}/v1/checkout/sessions?limit=100`, {
    headers: { authorization: `Bearer ${world.secretKey}` },
  });
  const { data } = listed.parse(await answer.json());
  return data.filter(({ metadata }) => metadata.org_id === org).length;
}

/** Nothing is open any more, so the sweep's turn would be once a minute: it is a minute later. */
async function sweep(): Promise<void> {
  await world.db.ownerPool.query({
    text: 'UPDATE payments.event_cursor SET swept_at = NULL, leased_until = NULL',
  });
  await sweepEvents(world.deps);
}

async function onePaymentOneGrant(org: OrganizationId): Promise<void> {
  expect(await charges(org)).toBe(1);
  expect(await world.grants(org)).toBe(1);
  expect(await world.available(org)).toBe(parseUsd('5'));
}

const begin = (org: OrganizationId, nonce: string) =>
  beginPurchase(world.deps, {
    organizationId: org,
    amount: parseUsd('5') ?? raise('no amount'),
    trigger: 'manual',
    actor: 'user_test',
    nonce,
  });

function raise(why: string): never {
  throw new Error(why);
}

test(
  'killed at any step of opening, the form sent again is one page, one charge, one grant',
  PATIENCE,
  async () => {
    const killed = await atEveryStep(async (step) => {
      const org = await world.organization();
      const nonce = `killed-at-${step}`;
      const died = await killedAt('begin', step, { MORTAL_ORG: org, MORTAL_NONCE: nonce });
      const afterwards = async () => {
        // The customer's browser sends the form again, and the poller comes by as well.
        const [again] = await Promise.all([
          begin(org, nonce),
          listPurchases(world.deps.pool, org, 5).then(([found]) =>
            found === undefined || found.state === 'draft'
              ? undefined
              : refreshPurchase(world.deps, found.id, 'poller'),
          ),
        ]);
        if (again.outcome !== 'opened') throw new Error(`step ${step}: ${again.outcome}`);
        expect(await listPurchases(world.deps.pool, org, 5)).toHaveLength(1);
        expect(await pagesOf(org)).toBe(1);
        await world.pay(again.purchase);
        await sweep();
        await onePaymentOneGrant(org);
      };
      return { died, afterwards };
    });
    expect(killed).toBeGreaterThanOrEqual(10);
  },
);

test(
  'killed at any step of opening, nobody coming back, there is no charge and no grant',
  PATIENCE,
  async () => {
    const org = await world.organization();
    // After the page was made and before its answer was stored: the worst of them.
    let step = 0;
    let purchase: Purchase | undefined;
    do {
      step += 1;
      const nonce = `left-at-${step}`;
      await killedAt('begin', step, { MORTAL_ORG: org, MORTAL_NONCE: nonce });
      purchase = (await listPurchases(world.deps.pool, org, 1))[0];
    } while (purchase?.state !== 'opening');
    await refreshPurchase(world.deps, purchase.id, 'poller');
    const after = await readPurchase(world.deps.pool, purchase.id);
    expect(after?.state).toBe('awaiting_customer');
    expect(await charges(org)).toBe(0);
    expect(await world.grants(org)).toBe(0);
  },
);

test('killed at any step of settling, the next look credits once', PATIENCE, async () => {
  const killed = await atEveryStep(async (step) => {
    const org = await world.organization();
    const purchase = await world.begin(org, '5');
    const paid = await world.pay(purchase);
    const payment = String(Reflect.get(Object(paid), 'payment_intent'));
    const died = await killedAt('settle', step, { MORTAL_PAYMENT: payment });
    const afterwards = async () => {
      await sweep();
      await onePaymentOneGrant(org);
      const after = await readPurchase(world.deps.pool, purchase.id);
      expect(after?.state).toBe('credited');
    };
    return { died, afterwards };
  });
  expect(killed).toBeGreaterThanOrEqual(10);
});

test(
  'killed at any step of canceling, it is canceled or paid, never both and never neither',
  PATIENCE,
  async () => {
    const killed = await atEveryStep(async (step) => {
      const org = await world.organization();
      const purchase = await world.begin(org, '5');
      const died = await killedAt('cancel', step, { MORTAL_PURCHASE: purchase.id });
      const afterwards = async () => {
        // The customer pays in another tab, if the page still lets them.
        await world.pay(purchase);
        await refreshPurchase(world.deps, purchase.id);
        await sweep();
        const after = await readPurchase(world.deps.pool, purchase.id);
        const paid = await charges(org);
        expect(await world.grants(org)).toBe(paid);
        expect(after?.state === 'credited').toBe(paid === 1);
        if (paid === 0) expect(['canceled', 'expired']).toContain(after?.state);
      };
      return { died, afterwards };
    });
    expect(killed).toBeGreaterThanOrEqual(4);
  },
);

test('after all of it the books balance and the processor agrees with them', async () => {
  expect(await verifyLedger(world.deps.pool)).toMatchObject({ ok: true });
  expect(await reconcile(world.deps, { from: new Date(0) })).toMatchObject({ differences: [] });
});
