import { afterAll, beforeAll, expect, test } from 'vitest';
import { syncDispute } from '#payments/disputes';
import { pursueRefund } from '#payments/refund-course';
import { refundsOf } from '#payments/refunds';
import { commandLine } from '#test/command-line';
import { usd } from '#test/ledger-world';
import { type Credited, type MoneyBackWorld, moneyBackWorld } from '#test/money-back';

let world: MoneyBackWorld;
beforeAll(async () => {
  world = await moneyBackWorld();
});
afterAll(() => world.close());

const bursar = (...words: string[]) => commandLine(world.db)(...words);
const WHY = ['--reason', 'paid twice'];

/** The verb waits for a worker, which is this. */
async function withWorker<T>(of: Credited, verb: Promise<T>): Promise<T> {
  await expect.poll(() => refundsOf(world.db.pool, of.purchase)).not.toHaveLength(0);
  for (const refund of await refundsOf(world.db.pool, of.purchase)) {
    await pursueRefund(world.deps, refund.organizationId, refund.id);
  }
  return verb;
}

test('bursar refund gives the unspent part back and tells what became of it', async () => {
  const of = await world.credited(usd('10'), usd('2'));
  const verb = bursar('refund', '--purchase', of.purchase.id, '--usd', '5', ...WHY);
  const { told } = await withWorker(of, verb);
  expect(told).toMatchObject({
    ...{ type: 'refund', state: 'paid', amount_usd: '5', tax_usd: '1', total_usd: '6' },
    ...{ purchase_id: of.purchase.id, reason: 'paid twice', origin: 'operator' },
  });
  expect((await bursar('refund', 'show', told.id)).told).toMatchObject({ state: 'paid' });
  expect((await bursar('refund', 'list', '--state', 'paid')).told.data[0].id).toBe(told.id);
  const [audit] = await world.db.ownerPool.query<{ reason: string }>({
    text: `SELECT reason FROM identity.audit_events WHERE subject = $1`,
    values: [told.id],
  });
  expect(audit?.reason).toBe('paid twice');
});

test('bursar refund of what cannot be refunded says why, and nothing happens', async () => {
  const of = await world.credited(usd('10'));
  const code = async (...words: string[]) =>
    (await bursar('refund', '--purchase', of.purchase.id, ...words, ...WHY)).code;
  expect(await code('--usd', '10.01')).toBe('exceeds_unspent');
  expect(await code('--usd', '1.005')).toBe('not_cents');
  expect(await code('--usd', '-1')).toBe('invalid_amount');
  expect((await bursar('refund', '--purchase', 'pur_none', ...WHY)).code).toBe(
    'purchase_not_found',
  );
  await world.spend(of.payer, usd('10'));
  expect(await code()).toBe('nothing_unspent');
  expect(await refundsOf(world.db.pool, of.purchase)).toEqual([]);
});

test('bursar refund that the processor refuses ends with its reason', async () => {
  const of = await world.credited(usd('10'));
  world.office.faults = [{ fault: 'refuses', code: 'balance_insufficient' }];
  const verb = bursar('refund', '--purchase', of.purchase.id, ...WHY);
  const told = await withWorker(of, verb);
  expect([told.exitCode, told.code]).toEqual([1, 'refund_refused']);
  expect(told.message).toContain('balance_insufficient');
});

test('bursar dispute list shows what was frozen, what is owed and what it cost', async () => {
  const of = await world.credited(usd('10'));
  await world.spend(of.payer, usd('4'));
  const dispute = world.office.dispute(of.payment, usd('10'), 'lost');
  dispute.fee = usd('15');
  await syncDispute(world.deps, dispute.id);
  expect((await bursar('dispute', 'list')).told.data).toMatchObject([
    { id: dispute.id, state: 'lost', owed_usd: '4', fee_usd: '15' },
  ]);
  expect((await bursar('dispute', 'list', '--open')).told.data).toEqual([]);
  expect((await bursar('warning', 'list')).told.data).toEqual([]);
});

test('bursar dispute resume lets auto-reload go on after a loss, once, with its reason', async () => {
  const of = await world.credited(usd('10'));
  const dispute = world.office.dispute(of.payment, usd('10'));
  await syncDispute(world.deps, dispute.id);
  const resume = () => bursar('dispute', 'resume', dispute.id, ...WHY);
  expect((await resume()).code).toBe('dispute_not_lost');
  world.office.decide(dispute, 'lost');
  await syncDispute(world.deps, dispute.id);
  const { organizationId } = of.payer;
  expect((await resume()).told).toEqual({
    ...{ id: dispute.id, organization_id: organizationId, resumed: true },
  });
  expect((await resume()).code).toBe('not_paused');
  expect((await bursar('dispute', 'resume', 'du_none', ...WHY)).code).toBe('dispute_not_found');
  const [audit] = await world.db.ownerPool.query<{ reason: string }>({
    text: `SELECT reason FROM identity.audit_events WHERE subject = $1`,
    values: [dispute.id],
  });
  expect(audit?.reason).toBe('paid twice');
});
