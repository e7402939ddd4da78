import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { OrganizationId } from '#kernel/ids';
import { formatUsd, parseUsd, ZERO } from '#kernel/money';
import { freezeGrant, seizeFreeze } from '#ledger/disputes';
import { findDetails, saveDetails } from '#payments/billing-details';
import type { DetailsForm } from '#payments/billing-details-form';
import type { PaymentsDeps } from '#payments/deps';
import { beginPurchase, refreshPurchase } from '#payments/purchases';
import { DEFAULT_SELLING } from '#payments/selling';
import { quotePurchase } from '#payments/tax-quote';
import { chargingOn, give, hold, makePayer, settle } from '#test/ledger-world';
import { type PaymentsWorld, paymentsWorld } from '#test/payments';

let world: PaymentsWorld;
let taxed: PaymentsDeps;

beforeAll(async () => {
  world = await paymentsWorld();
  taxed = {
    ...world.deps,
    automaticTax: true,
    selling: { ...DEFAULT_SELLING, addressFirst: true },
  };
});
afterAll(() => world?.close());
beforeEach(async () => {
  await world.faults({});
  await world.settings({ tax_rate_percent: 'by_place' });
});

const BERLIN: DetailsForm = {
  name: 'Ada Example GmbH',
  line1: 'Chausseestraße 1',
  line2: '',
  city: 'Berlin',
  state: '',
  postal_code: '10115',
  country: 'DE',
  tax_id_type: '',
  tax_id: '',
};
const usd = (text: string) => parseUsd(text) ?? ZERO;

const save = (org: OrganizationId, part: Partial<DetailsForm> = {}, deps = taxed) =>
  saveDetails(deps, org, 'user_test', { ...BERLIN, ...part });

const quoted = async (org: OrganizationId, amount = '25', deps = taxed) => {
  const quote = await quotePurchase(deps, org, usd(amount));
  const text = (part: typeof quote.tax) => (part === null ? null : formatUsd(part));
  return { ...quote, tax: text(quote.tax), total: text(quote.total) };
};

const begin = (org: OrganizationId, amount = '25', deps = taxed) =>
  beginPurchase(deps, { organizationId: org, amount: usd(amount), trigger: 'manual', actor: 'me' });

const paymentsMade = async (org: OrganizationId): Promise<string> => {
  const [row] = await world.db.ownerPool.query<{ count: bigint }>({
    text: 'SELECT count(*) FROM payments.purchases WHERE organization_id = $1',
    values: [org],
  });
  return String(row?.count);
};

describe('before a card is asked for', () => {
  it('the total with tax is told, and is what the payment page then asks', async () => {
    const org = await world.organization();
    await save(org);
    const quote = await quoted(org);
    expect(quote).toMatchObject({ tax: '4.75', total: '29.75', taxNote: 'computed' });
    expect(quote.taxLines).toMatchObject([{ name: 'VAT DE', percent: '19', reason: null }]);
    const begun = await begin(org);
    if (begun.outcome !== 'opened') throw new Error(begun.outcome);
    expect(formatUsd(begun.purchase.total)).toBe('29.75');
    await world.pay(begun.purchase);
    await refreshPurchase(taxed, begun.purchase.id);
    expect(await world.available(org)).toBe(usd('25'));
  });

  it('a tax number that shifts the duty is told as such, with nothing added', async () => {
    const org = await world.organization();
    await save(org, { tax_id: 'DE123456789' });
    const quote = await quoted(org);
    expect(quote).toMatchObject({ tax: '0', total: '25', taxNote: 'computed' });
    expect(quote.taxLines).toMatchObject([{ percent: null, reason: 'reverse_charge' }]);
    await save(org, { tax_id: '' });
    expect(await quoted(org)).toMatchObject({ tax: '4.75' });
  });

  it('S34: without an address for tax, the address is asked for and no card', async () => {
    const org = await world.organization();
    expect(await quoted(org)).toMatchObject({ tax: null, total: null, taxNote: 'address_needed' });
    const begun = await begin(org);
    expect(begun).toMatchObject({
      outcome: 'barred',
      failure: { code: 'billing_address_needed', class: 'FIX' },
    });
    expect(await paymentsMade(org)).toBe('0');
  });

  it('S34: when tax cannot be determined the words are about the address, never the card', async () => {
    const org = await world.organization();
    await save(org);
    await world.faults({ tax: 'down' });
    const { refusal, taxNote, total } = await quoted(org);
    expect({ taxNote, total }).toEqual({ taxNote: 'address_refused', total: null });
    expect(refusal).toMatchObject({ class: 'FIX' });
    expect(refusal?.title).toMatch(/address/);
    expect(`${refusal?.title} ${refusal?.next_step}`).not.toMatch(/declined|bank/i);
  });

  it('a country we do not sell to is refused in words, at the form and at the purchase', async () => {
    const org = await world.organization();
    const refused = await save(org, { country: 'RU', postal_code: '101000', city: 'Moscow' });
    expect(refused).toMatchObject({ outcome: 'region_not_supported' });
    if (refused.outcome === 'region_not_supported') {
      expect(refused.words.message).toContain('not sold to Russia');
    }
    expect(await findDetails(world.db.pool, org)).toBeUndefined();
    // The operator stops selling to a country after the address was saved.
    await save(org);
    const elsewhere = {
      ...taxed,
      selling: { ...DEFAULT_SELLING, addressFirst: true, countries: new Set(['US', 'CA']) },
    };
    const begun = await begin(org, '25', elsewhere);
    expect(begun).toMatchObject({
      outcome: 'barred',
      failure: {
        class: 'REGION',
        message: expect.stringContaining('Canada and the United States'),
      },
    });
    expect((await quoted(org, '25', elsewhere)).refusal).toMatchObject({ class: 'REGION' });
    expect(await paymentsMade(org)).toBe('0');
  });

  it('S28: what the balance has no room for is refused before, not after the charge', async () => {
    const org = await world.organization();
    const most = { ...taxed, maximum: usd('50') };
    await save(org);
    expect(await begin(org, '60', most)).toMatchObject({ outcome: 'amount_too_large' });
    expect(await paymentsMade(org)).toBe('0');
  });

  it('an address that the processor did not get is copied before the next purchase', async () => {
    const org = await world.organization();
    await world.faults({ api: 'down' });
    expect(await save(org)).toMatchObject({ outcome: 'saved', copied: false });
    await world.faults({});
    const begun = await begin(org);
    if (begun.outcome !== 'opened') throw new Error(begun.outcome);
    expect(formatUsd(begun.purchase.total)).toBe('29.75');
  });

  it('a tax number that the processor refuses is a problem of the form and is not kept', async () => {
    const org = await world.organization();
    const refused = await save(org, { country: 'NO', postal_code: '0150', tax_id: '123456789MVA' });
    expect(refused.outcome).toBe('saved');
    const odd = await save(org, {
      country: 'IN',
      postal_code: '110001',
      tax_id: '12ABCDE3456FGZH',
    });
    expect(odd).toMatchObject({ outcome: 'invalid', problems: [{ field: 'tax_id' }] });
    expect(await findDetails(world.db.pool, org)).toMatchObject({ country: 'IN', taxId: null });
  });
});

describe('a debt', () => {
  it('S23: is said before the card is charged, and does not stand in the way', async () => {
    const payer = await makePayer(world.db.pool);
    const { organizationId } = payer;
    const node = chargingOn(world.db.url);
    try {
      const { grantId } = await give(world.db.pool, payer, usd('7'));
      const request = await hold(node.charging, payer, usd('1.94'));
      await settle(node.charging, payer, request.id, usd('1.94'));
      await world.db.pool.transaction(async (tx) => {
        await freezeGrant(tx, { organizationId, reference: 'dp_1', grantId });
        await seizeFreeze(tx, { organizationId, reference: 'dp_1', claimed: usd('7') });
      });
    } finally {
      await node.close();
    }
    const { refusal, clearsDebt, usable } = await quoted(organizationId, '25', world.deps);
    expect({ refusal, clearsDebt, usable }).toEqual({
      refusal: null,
      clearsDebt: usd('1.94'),
      usable: usd('23.06'),
    });
    expect(await begin(organizationId, '25', world.deps)).toMatchObject({ outcome: 'opened' });
  });
});
