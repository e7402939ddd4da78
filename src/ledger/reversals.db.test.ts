import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { GrantId, RequestId } from '#kernel/ids';
import { nanos } from '#kernel/money';
import { readBalance } from '#ledger/balance';
import { bookAllStoppedGrants } from '#ledger/breakage';
import { freezeGrant, releaseFreeze, seizeFreeze } from '#ledger/disputes';
import type { GrantKind } from '#ledger/grants';
import { verifyLedger } from '#ledger/reconcile';
import { refundFailed, refundGrant, refundPaid } from '#ledger/refunds';
import { voidGrant } from '#ledger/voiding';
import { type TestDatabase, testDatabase } from '#test/database';
import {
  chargingOn,
  give,
  hold,
  makePayer,
  type Payer,
  settle,
  voidHold,
} from '#test/ledger-world';

let db: TestDatabase;
let node: ReturnType<typeof chargingOn>;
beforeAll(async () => {
  db = await testDatabase();
  await db.ownerPool.query({ text: 'UPDATE bursar.deployment SET simulated = true' });
  node = chargingOn(db.url, { leaseMs: 600_000 });
});
afterAll(async () => {
  await node.close();
  await db.drop();
});

/** What must hold for an organization after every command; each row answered is a violation. */
const VIOLATIONS = `
  WITH b AS (SELECT * FROM ledger.books WHERE organization_id = $1),
  balance AS (SELECT account, sum(delta_nanos) AS total FROM ledger.legs
               WHERE organization_id = $1 GROUP BY account),
  wanted AS (
    SELECT 'stripe_clearing' AS account, 0::numeric AS should
    UNION ALL SELECT 'refund_clearing', coalesce(sum(amount_nanos + tax_nanos), 0)
      FROM ledger.refunds WHERE organization_id = $1 AND state = 'refunding'
    UNION ALL SELECT 'dispute_frozen', coalesce(sum(amount_nanos), 0)
      FROM ledger.freezes WHERE organization_id = $1 AND state = 'frozen'),
  back AS (
    SELECT g.id, g.amount_nanos, g.tax_nanos, sum(x.credit) AS credit, sum(x.tax) AS tax
      FROM ledger.grants g JOIN (
        SELECT grant_id, amount_nanos AS credit, tax_nanos AS tax FROM ledger.refunds
         WHERE organization_id = $1 AND state <> 'failed'
        UNION ALL SELECT grant_id, seized_nanos + debt_nanos + breakage_nanos, tax_nanos
          FROM ledger.freezes WHERE organization_id = $1) AS x ON x.grant_id = g.id
     WHERE g.organization_id = $1 GROUP BY g.id, g.amount_nanos, g.tax_nanos),
  replay AS (SELECT account, sum(delta_nanos) OVER (PARTITION BY account
               ORDER BY happened_at, transaction_no, line) AS was
               FROM ledger.legs WHERE organization_id = $1 AND account LIKE 'grant:%')
  SELECT 'available is ' || ledger.available($1, held_nanos, bursar.now()) AS violation FROM b
   WHERE ledger.available($1, held_nanos, bursar.now()) < 0
  UNION ALL SELECT w.account || ' is ' || coalesce(total, 0) || ', not ' || should
    FROM wanted w LEFT JOIN balance USING (account) WHERE coalesce(total, 0) <> should
  UNION ALL SELECT id || ' gave back ' || credit || ' and tax ' || tax FROM back
   WHERE credit > amount_nanos OR tax > tax_nanos
      OR (credit = amount_nanos AND tax <> tax_nanos)
  UNION ALL SELECT account || ' was ' || was || ' by effective time' FROM replay WHERE was < 0
  UNION ALL SELECT 'counted ' || live_nanos || ' live' FROM b
   WHERE bursar.now() < live_until AND live_nanos <> (
     SELECT coalesce(sum(remaining_nanos), 0) FROM ledger.grants
      WHERE organization_id = $1 AND usable_until > bursar.now())`;

type Step =
  | { does: 'grant'; amount: bigint; tax: bigint; days: number; kind: GrantKind }
  | { does: 'hold'; percent: bigint }
  | { does: 'extend'; nth: number; percent: bigint }
  | { does: 'settle' | 'give up' | 'freeze' | 'release' | 'paid' | 'failed' | 'void'; nth: number }
  | { does: 'seize' | 'refund'; nth: number; percent: bigint | 'all' }
  | { does: 'wait'; days: number }
  | { does: 'book' };

const amount = fc.oneof(fc.bigInt({ min: 1n, max: 9n }), fc.bigInt({ min: 1n, max: 1_000_000n }));
const nth = fc.nat(5);
const some = fc.bigInt({ min: 1n, max: 100n });
const percent = fc.oneof(fc.constant('all' as const), some);
const kind = fc.constantFrom<GrantKind>('purchase', 'purchase', 'purchase', 'promotional');
const grant = fc.record({
  does: fc.constant('grant' as const),
  amount,
  tax: amount,
  days: fc.integer({ min: 1, max: 30 }),
  kind,
});
const targeted = fc.record({
  does: fc.constantFrom('settle', 'settle', 'give up', 'freeze', 'freeze', 'release'),
  nth,
});
const rarer = fc.record({ does: fc.constantFrom('paid', 'failed', 'void'), nth });
const asked = fc.record({
  does: fc.constantFrom('seize', 'seize', 'refund'),
  nth,
  percent,
});
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 3, arbitrary: grant },
  { weight: 6, arbitrary: fc.record({ does: fc.constant('hold'), percent: some }) },
  { weight: 2, arbitrary: fc.record({ does: fc.constant('extend'), nth, percent: some }) },
  { weight: 8, arbitrary: targeted },
  { weight: 3, arbitrary: rarer },
  { weight: 4, arbitrary: asked },
  {
    weight: 2,
    arbitrary: fc.record({ does: fc.constant('wait'), days: fc.integer({ min: 1, max: 9 }) }),
  },
  { weight: 2, arbitrary: fc.record({ does: fc.constant('book') }) },
);
const history = fc
  .tuple(grant, fc.array(step, { minLength: 10, maxLength: 50 }))
  .map(([first, rest]): readonly Step[] => [first, ...rest]);

/** One customer, and the commands about them by number. */
class Story {
  readonly grants: { id: GrantId; amount: bigint }[] = [];
  readonly holds: { id: RequestId; amount: bigint }[] = [];
  readonly disputes: string[] = [];
  readonly refunds: string[] = [];
  readonly payer: Payer;
  constructor(payer: Payer) {
    this.payer = payer;
  }

  async take(s: Step): Promise<void> {
    const before = (await readBalance(db.pool, this.payer.organizationId)).available;
    const taken = await this.#do(s);
    const { organizationId } = this.payer;
    const rows = await db.pool.query({ text: VIOLATIONS, values: [organizationId] });
    expect(rows).toEqual([]);
    const after = (await readBalance(db.pool, organizationId)).available;
    if (taken !== undefined) expect(after).toBe(before - taken);
    if (s.does === 'book' || s.does === 'release') expect(after).toBeGreaterThanOrEqual(before);
  }

  /** Answers what the command took from what is available, where it says so. */
  async #do(s: Step): Promise<bigint | undefined> {
    const { payer } = this;
    const { organizationId } = payer;
    if (s.does === 'book') await bookAllStoppedGrants(db.pool);
    else if (s.does === 'wait') {
      const text = 'SELECT bursar.advance_clock(make_interval(days => $1))';
      await db.pool.query({ text, values: [s.days] });
    } else if (s.does === 'grant') {
      const at = 'SELECT bursar.now() + make_interval(days => $1) AS at';
      const [row] = await db.pool.query<{ at: Date }>({ text: at, values: [s.days] });
      const tax = nanos(s.kind === 'purchase' ? s.tax : 0n);
      const terms = { kind: s.kind, tax, ...(row === undefined ? {} : { expiresAt: row.at }) };
      const issued = await give(db.pool, payer, nanos(s.amount), terms);
      this.grants.push({ id: issued.grantId, amount: s.amount });
      return issued.repaid - s.amount;
    } else if (s.does === 'hold') {
      const { available } = await readBalance(db.pool, organizationId);
      const asks = nanos((available * s.percent) / 100n);
      const told = await hold(node.charging, payer, asks);
      if (told.outcome === 'held') this.holds.push({ id: told.id, amount: asks });
    } else if (s.does === 'extend') {
      const open = this.holds[s.nth % this.holds.length];
      if (open === undefined) return undefined;
      const { available } = await readBalance(db.pool, organizationId);
      const toAmount = nanos(open.amount + (available * s.percent) / 100n);
      const command = { organizationId, requestId: open.id, toAmount };
      if ((await node.charging.extend(command)).outcome === 'held') open.amount = toAmount;
    } else if (s.does === 'settle' || s.does === 'give up') {
      const [open] = this.holds.splice(s.nth % Math.max(this.holds.length, 1), 1);
      if (open === undefined) return undefined;
      if (s.does === 'give up') await voidHold(node.charging, payer, open.id);
      else {
        // Whatever was frozen, refunded or voided meanwhile: a promise is kept to the last nano.
        const cost = nanos(s.nth === 0 ? open.amount : open.amount / 2n);
        expect(await settle(node.charging, payer, open.id, cost)).toMatchObject({ charged: cost });
      }
    } else return this.#reverse(s, organizationId);
    return undefined;
  }

  async #reverse(
    s: Extract<Step, { nth: number }>,
    organizationId: Payer['organizationId'],
  ): Promise<bigint | undefined> {
    const grant = this.grants[s.nth % this.grants.length];
    // Mostly the latest one; earlier ones have ended, and must say so.
    const dispute = { organizationId, reference: this.disputes.at(-1 - (s.nth % 2)) ?? 'none' };
    const refund = { organizationId, reference: this.refunds.at(-1 - (s.nth % 2)) ?? 'none' };
    const share = 'percent' in s && s.percent !== 'all' ? s.percent : 100n;
    if (s.does === 'freeze' && grant !== undefined) {
      const fresh = { organizationId, reference: `dp_${this.disputes.length}`, grantId: grant.id };
      const told = await db.pool.transaction((tx) => freezeGrant(tx, fresh));
      if (told.outcome !== 'frozen') return 0n;
      this.disputes.push(fresh.reference);
      return told.amount;
    }
    if (s.does === 'release') await db.pool.transaction((tx) => releaseFreeze(tx, dispute));
    if (s.does === 'seize' && grant !== undefined) {
      const claimed = nanos((grant.amount * share) / 100n);
      const part = 'percent' in s && s.percent === 'all' ? {} : { claimed };
      await db.pool.transaction((tx) => seizeFreeze(tx, { ...dispute, ...part }));
    }
    if (s.does === 'refund' && grant !== undefined) {
      const part = nanos((grant.amount * share) / 100n || 1n);
      const all = 'percent' in s && s.percent === 'all';
      const fresh = { organizationId, reference: `re_${this.refunds.length}`, grantId: grant.id };
      const request = { ...fresh, amount: all ? ('all' as const) : part };
      const told = await db.pool.transaction((tx) => refundGrant(tx, request));
      if (told.outcome !== 'refunding') return 0n;
      this.refunds.push(fresh.reference);
      return told.amount;
    }
    if (s.does === 'paid') await db.pool.transaction((tx) => refundPaid(tx, refund));
    if (s.does === 'failed') await db.pool.transaction((tx) => refundFailed(tx, refund));
    if (s.does === 'void' && grant !== undefined) {
      const request = { organizationId, grantId: grant.id, reason: 'test' };
      const told = await db.pool.transaction((tx) => voidGrant(tx, request));
      return told.outcome === 'voided' ? told.amount : 0n;
    }
    return undefined;
  }

  /** Everything ends: afterwards no credit is left anywhere, and the ledger is at rest. */
  async end(): Promise<void> {
    while (this.holds.length > 0) await this.take({ does: 'give up', nth: 0 });
    const { organizationId } = this.payer;
    for (const reference of this.disputes) {
      await db.pool.transaction((tx) => releaseFreeze(tx, { organizationId, reference }));
    }
    for (const reference of this.refunds) {
      await db.pool.transaction((tx) => refundPaid(tx, { organizationId, reference }));
    }
    await this.take({ does: 'wait', days: 31 });
    await this.take({ does: 'book' });
    const { available, frozen, held, grants } = await readBalance(db.pool, organizationId);
    expect([available, frozen, held]).toEqual([0n, 0n, 0n]);
    expect(grants.filter((g) => g.remaining > 0n)).toEqual([]);
  }
}

test('whatever is frozen, seized, refunded, voided and expired, promises are kept', async () => {
  const story = async (steps: readonly Step[]): Promise<void> => {
    const told = new Story(await makePayer(db.pool));
    for (const s of steps) await told.take(s);
    await told.end();
  };
  await fc.assert(fc.asyncProperty(history, story), {
    numRuns: 20,
    endOnFailure: false,
  });
  expect(await verifyLedger(db.pool)).toMatchObject({ ok: true });
});

test('requests, disputes, refunds, voids and the job at the same time harm each other nothing', async () => {
  const payer = await makePayer(db.pool);
  const { organizationId } = payer;
  const dollar = nanos(1_000_000_000n);
  const grants = [];
  for (let i = 0; i < 6; i++) {
    const kind = i % 3 === 0 ? 'promotional' : 'purchase';
    grants.push((await give(db.pool, payer, dollar, { kind })).grantId);
  }
  let going = true;
  const request = async (n: number): Promise<void> => {
    const ask = nanos(1_000_000n * BigInt(n + 1));
    const told = await hold(node.charging, payer, ask);
    if (told.outcome !== 'held') return;
    const paid = await settle(node.charging, payer, told.id, ask);
    expect(paid).toMatchObject({ outcome: 'settled', charged: ask });
  };
  const requests = Promise.all(
    Array.from({ length: 8 }, async (_, lane) => {
      for (let i = 0; i < 25; i++) await request(lane * 3 + (i % 5));
    }),
  ).finally(() => {
    going = false;
  });
  const reverse = async (grantId: GrantId, lane: number): Promise<void> => {
    for (let i = 0; going; i++) {
      const about = { organizationId, reference: `${grantId}/${i}` };
      await db.pool.transaction((tx) => freezeGrant(tx, { ...about, grantId }));
      await db.pool.transaction((tx) => releaseFreeze(tx, about));
      const refund = { ...about, grantId, amount: nanos(7n) };
      await db.pool.transaction((tx) => refundGrant(tx, refund));
      if (i % 2 === 0) await db.pool.transaction((tx) => refundPaid(tx, about));
      if (i % 3 === 0) await db.pool.transaction((tx) => refundFailed(tx, about));
      if (lane === 0 && i === 3) {
        await db.pool.transaction((tx) => voidGrant(tx, { ...about, grantId, reason: 'test' }));
      }
      await bookAllStoppedGrants(db.pool);
      expect(await db.pool.query({ text: VIOLATIONS, values: [organizationId] })).toEqual([]);
    }
  };
  await Promise.all([requests, ...grants.map(reverse)]);
  expect(node.failures).toEqual([]);
  expect(await verifyLedger(db.pool)).toMatchObject({ ok: true });
});
