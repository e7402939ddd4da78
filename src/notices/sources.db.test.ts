import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { setSpendLimit } from '#charging/limits';
import { createApiKey } from '#orgs/api-keys';
import type { SpendLimit } from '#orgs/spend-limits';
import { watchAlarms } from '#payments/alarms';
import { syncDispute } from '#payments/disputes';
import { pursueRefund, syncRefunds } from '#payments/refund-course';
import { requestRefund } from '#payments/refunds';
import { systemEntropy } from '#src/system';
import { give, type Payer, usd } from '#test/ledger-world';
import { type MoneyBackWorld, moneyBackWorld } from '#test/money-back';
import { type NoticesWorld, noticesWorld } from '#test/notices-world';
import { tellEndings } from './endings.ts';
import { stepReached, tellLimitSteps } from './limit-steps.ts';
import { runwayState, tellShortRunways } from './runway.ts';
import { OPERATORS, teller } from './tell.ts';

let world: NoticesWorld;
let back: MoneyBackWorld;
beforeAll(async () => {
  [world, back] = await Promise.all([noticesWorld(), moneyBackWorld()]);
});
afterAll(() => Promise.all([world.close(), back.close()]));

const tell = teller(systemEntropy);
const factsOf = async (of: { organizationId: string }, db = world.deps.pool) => {
  const rows = await db.query<{ kind: string; facts: Record<string, unknown> }>({
    text: `SELECT kind, facts FROM notices.notices WHERE organization_id = $1
            ORDER BY happened_at, id`,
    values: [of.organizationId],
  });
  return rows.map(({ kind, facts }) => ({ kind, ...facts }));
};

describe('money that goes back', () => {
  test('a dispute is told when it opens and when it is lost, with what is owed', async () => {
    const deps = { ...back.deps, tell };
    const of = await back.credited(usd('10'), usd('2'));
    await back.spend(of.payer, usd('4'));
    const dispute = back.office.dispute(of.payment, usd('12'));
    await Promise.all([1, 2, 3].map(() => syncDispute(deps, dispute.id)));
    back.office.decide(dispute, 'lost');
    await Promise.all([1, 2, 3].map(() => syncDispute(deps, dispute.id)));
    expect(await factsOf(of.payer, back.db.pool)).toMatchObject([
      { kind: 'dispute_opened', amount_usd: '12', reason: 'fraudulent' },
      { kind: 'dispute_lost', amount_usd: '12', owed_usd: '4' },
    ]);
  });

  test('a dispute that is won is told; an inquiry, which moves nothing, is not', async () => {
    const deps = { ...back.deps, tell };
    const of = await back.credited(usd('10'));
    const dispute = back.office.dispute(of.payment, usd('10'), 'warning_needs_response');
    await syncDispute(deps, dispute.id);
    expect(await factsOf(of.payer, back.db.pool)).toEqual([]);
    back.office.decide(dispute, 'needs_response');
    await syncDispute(deps, dispute.id);
    back.office.decide(dispute, 'won');
    await syncDispute(deps, dispute.id);
    const told = await factsOf(of.payer, back.db.pool);
    expect(told.map(({ kind }) => kind)).toEqual(['dispute_opened', 'dispute_won']);
  });

  test('a refund is told when it is paid, and when the bank sends it back', async () => {
    const deps = { ...back.deps, tell };
    const of = await back.credited(usd('10'), usd('2'));
    const asked = await back.db.pool.transaction((tx) =>
      requestRefund(tx, systemEntropy, {
        ...{ purchaseId: of.purchase.id, amount: 'all', reason: 'asked', actor: 'operator' },
      }),
    );
    if (asked.outcome !== 'requested') throw new Error(asked.outcome);
    await pursueRefund(deps, of.payer.organizationId, asked.refund.id);
    await syncRefunds(deps, of.payment);
    const refund = back.office.refunds.find((one) => one.paymentIntentId === of.payment);
    if (refund !== undefined) refund.status = 'failed';
    await Promise.all([syncRefunds(deps, of.payment), syncRefunds(deps, of.payment)]);
    expect(await factsOf(of.payer, back.db.pool)).toMatchObject([
      { kind: 'refund_paid', total_usd: '12', amount_usd: '10', tax_usd: '2' },
      { kind: 'refund_failed', total_usd: '12' },
    ]);
  });
});

describe('what ends', () => {
  const twice = () => Promise.all([tellEndings(world.deps), tellEndings(world.deps)]);

  test('a grant is told of 30, 7 and 1 days before, once each, and not when it is used up', async () => {
    const { payer } = await world.reloads.reloader();
    await give(world.deps.pool, payer, usd('10'), { kind: 'promotional', source: 'a' });
    const [row] = await world.deps.pool.query<{ soon: Date }>({
      text: `SELECT bursar.now() + interval '40 days' AS soon`,
    });
    const spent = await world.reloads.reloader();
    for (const one of [payer, spent.payer]) {
      const expiresAt = row?.soon ?? new Date();
      await give(world.deps.pool, one, usd('3'), { kind: 'promotional', expiresAt });
    }
    await spent.spend('3');
    for (const days of [1, 10, 15, 9, 3, 1]) {
      await world.reloads.later(`${days} days`);
      await twice();
    }
    const told = (await factsOf(payer)).filter(({ kind }) => kind.startsWith('grant'));
    expect(told).toMatchObject([
      { kind: 'grant_expiring', days: 30, remaining_usd: '3' },
      { kind: 'grant_expiring', days: 7 },
      { kind: 'grant_expiring_soon', days: 1 },
    ]);
    expect((await factsOf(spent.payer)).filter(({ kind }) => kind.startsWith('grant'))).toEqual([]);
  });

  test('one that was given for a few days is told of when fewer than that are left', async () => {
    const { payer } = await world.reloads.reloader();
    const [row] = await world.deps.pool.query<{ soon: Date }>({
      text: `SELECT bursar.now() + interval '3 days' AS soon`,
    });
    const expiresAt = row?.soon ?? new Date();
    await give(world.deps.pool, payer, usd('3'), { kind: 'promotional', expiresAt });
    await twice();
    expect(await factsOf(payer)).toEqual([]);
    await world.reloads.later('2 days 1 hour');
    await twice();
    expect(await factsOf(payer)).toMatchObject([{ kind: 'grant_expiring_soon' }]);
  });

  test('a key is told of 7 and 1 days before, unless it is revoked', async () => {
    const { payer } = await world.reloads.reloader();
    const { organizationId, workspaceId } = payer;
    const [row] = await world.deps.pool.query<{ soon: Date }>({
      text: `SELECT bursar.now() + interval '20 days' AS soon`,
    });
    await world.deps.pool.transaction((tx) =>
      createApiKey(tx, world.deps, {
        ...{ organizationId, workspaceId, kind: 'workspace', name: 'ci', createdBy: null },
        expiresAt: row?.soon ?? new Date(),
      }),
    );
    for (const days of [1, 13, 5, 1]) {
      await world.reloads.later(`${days} days`);
      await twice();
    }
    expect(await factsOf(payer)).toMatchObject([
      { kind: 'key_expiring', name: 'ci', days: 7 },
      { kind: 'key_expiring_soon', name: 'ci', days: 1 },
    ]);
  });

  test('a saved card is told of 30 and 7 days before its month is over', async () => {
    const reloader = await world.reloads.reloader();
    await reloader.save();
    await world.reloads.world.db.ownerPool.query({
      text: `UPDATE payments.cards SET
          exp_month = extract(month FROM bursar.now() AT TIME ZONE 'UTC' + interval '2 months'),
          exp_year = extract(year FROM bursar.now() AT TIME ZONE 'UTC' + interval '2 months')
        WHERE organization_id = $1`,
      values: [reloader.payer.organizationId],
    });
    await twice();
    for (let days = 0; days < 95; days += 1) {
      await world.reloads.later('1 day');
      if (days % 2 === 0) await tellEndings(world.deps);
    }
    const cards = (await factsOf(reloader.payer)).filter(({ kind }) => kind === 'card_expiring');
    expect(cards).toMatchObject([
      { days: 30, card: 'visa •••• 4242', default: true },
      { days: 7, card: 'visa •••• 4242' },
    ]);
  });
});

describe('limits', () => {
  const limited = async (action: SpendLimit['action']) => {
    const reloader = await world.reloads.reloader();
    const { organizationId } = reloader.payer;
    await give(world.deps.pool, reloader.payer, usd('100'));
    await setSpendLimit(world.deps.pool, {
      ...{ organizationId, level: 'organization', subjectId: organizationId },
      ...{ amount: usd('10'), action, setBy: 'user_ada' },
    });
    return reloader;
  };
  const look = () => Promise.all([tellLimitSteps(world.deps), tellLimitSteps(world.deps)]);
  const steps = async (payer: Payer) =>
    (await factsOf(payer)).flatMap((fact) =>
      fact.kind.startsWith('limit') ? [[fact.kind, Reflect.get(fact, 'percent')]] : [],
    );

  test('one that notifies tells its step and its end, once a month, and refuses nothing', async () => {
    const { payer, spend } = await limited('notify_only');
    await spend('7.9');
    await look();
    expect(await steps(payer)).toEqual([]);
    await spend('0.1');
    await look();
    expect(await steps(payer)).toEqual([['limit_step', 80]]);
    await spend('3');
    await look();
    await spend('1');
    await look();
    const whole = [
      ['limit_step', 80],
      ['limit_reached', 100],
    ];
    expect(await steps(payer)).toEqual(whole);
    await world.reloads.later('40 days');
    await spend('8');
    await look();
    expect(await steps(payer)).toEqual([...whole, ['limit_step', 80]]);
  });

  test('of steps passed at once the highest is told, and a limit that pauses says so', async () => {
    const { payer, spend } = await limited('notify_and_pause');
    await spend('10');
    await look();
    expect(await steps(payer)).toEqual([['limit_paused', 100]]);
  });

  test('steps are reached by exact amounts', () => {
    expect(stepReached(usd('7.999999999'), usd('10'), [80])).toBeUndefined();
    expect(stepReached(usd('8'), usd('10'), [80, 50])).toBe(80);
    expect(stepReached(usd('8'), usd('10'), [])).toBeUndefined();
    expect(stepReached(usd('99'), usd('10'), [80])).toBe(100);
  });
});

describe('a runway', () => {
  test('that is short is told once, and again only after it was a quarter longer', () => {
    expect(runwayState('long', 6, 7)).toBe('short');
    expect(runwayState('long', 7, 7)).toBe('long');
    expect(runwayState('short', 8, 7)).toBe('short');
    expect(runwayState('short', 9, 7)).toBe('long');
    expect(runwayState('short', null, 7)).toBe('long');
    expect(runwayState('short', 1, null)).toBe('long');
  });

  test('is looked at once an hour for whoever has credit, whichever worker does', async () => {
    const { payer } = await world.reloads.reloader();
    await give(world.deps.pool, payer, usd('50'));
    await world.work();
    let asked = 0;
    const deps = {
      ...world.deps,
      async runway(_db: unknown, organizationId: string) {
        if (organizationId === payer.organizationId) asked += 1;
        return 4;
      },
    };
    for (let times = 0; times < 3; times++) {
      await Promise.all([tellShortRunways(deps), tellShortRunways(deps)]);
    }
    expect(asked).toBeLessThanOrEqual(2);
    expect(await factsOf(payer)).toMatchObject([
      { kind: 'runway_short', days_left: 4, balance_usd: '50' },
    ]);
  });
});

test('webhooks that stay away are told to the operators, once until it is over', async () => {
  const { pool } = world.deps;
  const { payer } = await world.reloads.reloader();
  for (const n of [1, 2, 3]) {
    await pool.query({
      text: `INSERT INTO payments.purchases (organization_id, id, state, trigger, actor,
          credit_nanos, tax_nanos, provider, environment, session_expires_at, console_url,
          automatic_tax, payment_intent_id, grant_id, settled_via, settled_at, paid_seen_at)
        VALUES ($1, 'pur_silent' || $2::text, 'credited', 'manual', 'user_test', 5000000000, 0,
          'stripe', 'test', bursar.now(), 'http://127.0.0.1:4000', false, 'pi_silent' || $2::text,
          'grant_silent' || $2::text, 'poller', bursar.now(),
          bursar.real_now() - interval '5 minutes')`,
      values: [payer.organizationId, n],
    });
  }
  for (let times = 0; times < 3; times++) await watchAlarms(world.payments);
  const told = (await factsOf({ organizationId: OPERATORS })).map(({ kind }) => kind);
  expect(told.filter((kind) => kind === 'webhook_silence')).toEqual(['webhook_silence']);
  await world.work();
  const [mail] = world.mailsTo('ops@example.com');
  expect(mail?.text).toContain('which runs this deployment of Bursar');
});
