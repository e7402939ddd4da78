import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { newId } from '#kernel/ids';
import { parseUsd, ZERO } from '#kernel/money';
import { verifyLedger } from '#ledger/reconcile';
import { readOrganization } from '#orgs/organizations';
import { refreshPurchase } from '#payments/purchases';
import { pursueRefund } from '#payments/refund-course';
import { systemEntropy } from '#src/system';
import { type OperatorWorld, operatorWorld } from '#test/operator-world';
import { NO_FUNDS } from '#test/payments';
import { errorBody } from '../contract.ts';
import { findResponse, operatorRefund, organizationResponse, refundQuote } from './contract.ts';

let world: OperatorWorld;
beforeAll(async () => {
  world = await operatorWorld();
});
afterAll(() => world.close());

const usd = (text: string) => parseUsd(text) ?? ZERO;
const reason = 'agreed on the phone';

const find = async (q: string) => {
  const url = `/api/operator/organizations?q=${encodeURIComponent(q)}`;
  return findResponse.parse((await world.operator.get(url)).body);
};
const names = async (q: string) => (await find(q)).data.map(({ name }) => name);
const shown = async (org: string) =>
  organizationResponse.parse((await world.operator.get(`/api/operator/organizations/${org}`)).body);

async function bought(name: string) {
  const org = await world.organization(name);
  const purchase = await world.payments.begin(org, '20');
  await world.payments.pay(purchase);
  await refreshPurchase(world.payments.deps, purchase.id);
  return { org, purchase };
}

describe('finding an organization', () => {
  test('by a part of its name or of a member’s address, by its id, by a purchase', async () => {
    const { org, purchase } = await bought('Northwind Traders');
    await world.person('lena@northwind.example', { of: org, role: 'admin' });
    for (const q of ['northwind tr', 'LENA@north', org, purchase.id]) {
      expect([q, await names(q)]).toEqual([q, ['Northwind Traders']]);
    }
    expect((await find(org)).data[0]).toEqual({
      ...{ id: org, name: 'Northwind Traders', status: 'active' },
      emails: ['lena@northwind.example'],
    });
    expect(await names('nobody of that name')).toEqual([]);
  });

  test('what is typed is text: no pattern, no statement', async () => {
    await world.organization('100% Sure_Thing');
    expect(await names('100%')).toEqual(['100% Sure_Thing']);
    expect(await names('Sure_')).toEqual(['100% Sure_Thing']);
    for (const q of ['%', '_', '%%', "' OR true --", '\\']) {
      const found = await names(q);
      expect([q, found.every((name) => name.includes(q))]).toEqual([q, true]);
    }
  });

  test('more than a page says so', async () => {
    for (let n = 0; n < 21; n++) await world.organization(`Chain store ${n}`);
    const { data, more } = await find('chain STORE');
    expect([data.length, more]).toEqual([20, true]);
  });
});

describe('an organization', () => {
  test('shows balance, state, and purchases with timeline and refusals', async () => {
    const { org, purchase } = await bought('Fabrikam');
    const refused = await world.payments.begin(org, '50');
    await world.payments.pay(refused, NO_FUNDS);
    await refreshPurchase(world.payments.deps, refused.id);
    const view = await shown(org);
    expect(view).toMatchObject({ name: 'Fabrikam', status: 'active', available_usd: '20' });
    expect(view.purchases.map(({ id, state }) => [id, state])).toEqual([
      [refused.id, 'declined'],
      [purchase.id, 'credited'],
    ]);
    expect(view.purchases[0]?.failure?.title).not.toBe('');
    expect(view.purchases[1]?.timeline.map(({ state }) => state)).toContain('credited');
    // Whoever looks on cannot pay for the customer.
    expect(view.purchases.every(({ redirect_url }) => redirect_url === null)).toBe(true);
  });

  test('that does not exist is not found', async () => {
    for (const id of [newId('organization', systemEntropy), 'org_', '%', 'x'.repeat(90)]) {
      const path = `/api/operator/organizations/${encodeURIComponent(id)}`;
      expect((await world.operator.get(path)).status).toBe(404);
      expect((await world.operator.post(`${path}/suspend`, { reason })).status).toBe(404);
    }
  });

  test('is suspended and resumed with a reason, once however often it is pressed', async () => {
    const org = await world.organization('Contoso');
    const path = `/api/operator/organizations/${org}`;
    expect((await world.operator.post(`${path}/suspend`, { reason: ' ' })).status).toBe(400);
    const presses = await Promise.all([
      world.operator.post(`${path}/suspend`, { reason }),
      world.colleague.post(`${path}/suspend`, { reason }),
    ]);
    expect(presses.map(({ status }) => status)).toEqual([200, 200]);
    expect(await readOrganization(world.payments.db.pool, org)).toMatchObject({
      status: 'suspended',
    });
    const resumed = await world.operator.post(`${path}/resume`, { reason: 'it was a mistake' });
    expect(organizationResponse.parse(resumed.body).status).toBe('active');
    expect((await world.audit(org)).map(({ action, reason: why }) => [action, why])).toEqual([
      ['organization.suspend', reason],
      ['organization.resume', 'it was a mistake'],
    ]);
  });
});

describe('refunding what is unspent of a purchase', () => {
  const path = (id: string) => `/api/operator/purchases/${id}/refund`;
  const quoteOf = async (id: string) =>
    refundQuote.parse((await world.operator.get(path(id))).body);

  test('shows the exact amounts first, and gives back exactly those', async () => {
    const { org, purchase } = await bought('Litware');
    const quote = await quoteOf(purchase.id);
    expect(quote).toEqual({
      ...{ purchase_id: purchase.id, organization: { id: org, name: 'Litware' }, refusal: null },
      ...{ amounts: { credit_usd: '20', tax_usd: '0', total_usd: '20' }, seen: 0 },
    });
    const body = { reason, credit_usd: '20', seen: 0 };
    const answer = await world.operator.post(path(purchase.id), body);
    const refund = operatorRefund.parse(answer.body);
    expect(refund).toMatchObject({ purchase_id: purchase.id, state: 'requested', total_usd: '20' });
    await pursueRefund(world.payments.deps, org, refund.id);
    expect((await shown(org)).refunds).toMatchObject([{ id: refund.id, state: 'paid', reason }]);
    expect(await world.payments.available(org)).toBe(0n);
    expect(await world.audit(refund.id)).toMatchObject([{ action: 'refund.request', reason }]);
    expect(await quoteOf(purchase.id)).toMatchObject({
      ...{ amounts: null, refusal: expect.stringContaining('Nothing of this purchase') },
    });
  });

  test('a part of it, pressed twice or by two people, goes back once', async () => {
    const { org, purchase } = await bought('Tailspin');
    const body = { reason, credit_usd: '5', seen: 0 };
    const presses = await Promise.all(
      [world.operator, world.operator, world.colleague].map((by) =>
        by.post(path(purchase.id), body),
      ),
    );
    expect(presses.map(({ status }) => status).sort()).toEqual([200, 409, 409]);
    const late = presses.find(({ status }) => status === 409);
    expect(errorBody.parse(late?.body).error.message).toContain('refunded twice');
    expect(await world.payments.available(org)).toBe(usd('15'));
    const again = await world.operator.post(path(purchase.id), { ...body, seen: 1 });
    expect(again.status).toBe(200);
    expect(await world.payments.available(org)).toBe(usd('10'));
  });

  test('more than is unspent, fractions of cents and other purchases are refused', async () => {
    const { org, purchase } = await bought('Wingtip');
    const tries = [
      ['20.01', 409, 'Only $20 is unspent'],
      ['0.001', 409, 'whole cents'],
      ['0', 400, 'amount'],
      ['-5', 400, 'amount'],
    ] as const;
    for (const [credit_usd, status, words] of tries) {
      const body = { reason, credit_usd, seen: 0 };
      const refused = await world.operator.post(path(purchase.id), body);
      expect([credit_usd, refused.status]).toEqual([credit_usd, status]);
      expect(errorBody.parse(refused.body).error.message).toContain(words);
    }
    const open = await world.payments.begin(org, '5');
    expect(await quoteOf(open.id)).toMatchObject({
      ...{ amounts: null, refusal: expect.stringContaining('brought no credit') },
    });
    expect(await world.payments.available(org)).toBe(usd('20'));
  });
});

test('the ledger is sound after all of it', async () => {
  const verified = await verifyLedger(world.payments.db.ownerPool);
  expect(verified.checks.filter((check) => !check.ok)).toEqual([]);
});
