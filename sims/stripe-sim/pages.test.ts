import { afterAll, beforeAll, expect, it } from 'vitest';
import { purchase, type SimForTests, simForTests } from './sim-for-tests.ts';

let on: SimForTests;
const addresses: Record<string, string> = {};

beforeAll(async () => {
  on = await simForTests({ taxRatePercent: 'by_place', merchantName: '<b>Acme</b>' });
  const { stripe, control } = on;
  const customer = await stripe.customers.create({ name: '<i>Ann</i>' });
  const placed = await stripe.customers.create({ address: { country: 'IE' } });
  const session = (id: string) => stripe.checkout.sessions.create(purchase(id));
  addresses['where are you'] = (await session(customer.id)).url ?? '';
  addresses.pay = (await session(placed.id)).url ?? '';
  const saving = { mode: 'setup', success_url: 'http://127.0.0.1:9/' } as const;
  addresses['save a card'] = (await stripe.checkout.sessions.create(saving)).url ?? '';
  const asked = await session(placed.id);
  const card = { number: '4000000000003220', country: 'IE', three_ds: 'abandon' };
  const { payment_intent: intent } = await control('POST', `pay/${asked.id}`, card);
  addresses['the bank'] = `${on.sim.url}/3ds/${intent}`;
  const ended = await session(placed.id);
  addresses.expired = ended.url ?? '';
  await stripe.checkout.sessions.expire(ended.id);
  const draft = await stripe.invoices.create({
    customer: customer.id,
    collection_method: 'send_invoice',
    days_until_due: 1,
  });
  const lines = [{ amount: 500, description: '<u>usage</u>' }];
  await stripe.invoices.addLines(draft.id, { lines });
  addresses.invoice = (await stripe.invoices.sendInvoice(draft.id)).hosted_invoice_url ?? '';
  const paid = await stripe.paymentIntents.create({
    amount: 500,
    currency: 'usd',
    description: '<u>x</u>',
    payment_method: 'pm_card_visa',
    confirm: true,
    expand: ['latest_charge'],
  });
  const charge = paid.latest_charge;
  addresses.receipt = (typeof charge === 'string' ? '' : charge?.receipt_url) ?? '';
});

afterAll(() => on.sim.close());

it.each(['where are you', 'pay', 'save a card', 'the bank', 'expired', 'invoice', 'receipt'])(
  '%s: simulated in plain sight, no script, no cookie, nothing from elsewhere',
  async (name) => {
    const answer = await fetch(addresses[name] ?? '');
    const page = await answer.text();
    expect(page).toContain('SIMULATED – test numbers only');
    expect(page).not.toMatch(/<script|javascript:|\son\w+=/i);
    expect(page).not.toMatch(/<(b|i|u)>/);
    expect(page).not.toMatch(/(src|href)="(?!http:\/\/127\.0\.0\.1|\/)/);
    expect(answer.headers.get('set-cookie')).toBeNull();
    expect(answer.headers.get('cache-control')).toBe('no-store');
    expect(answer.headers.get('content-security-policy')).toMatch(
      /^default-src 'none'; style-src 'unsafe-inline'; form-action 'self'/,
    );
  },
);

it('every input has a label, and a problem is said aloud and belongs to its field', async () => {
  const page = await (await fetch(addresses.pay ?? '')).text();
  const inputs = [...page.matchAll(/<input id="(\w+)"/g)].map((match) => match[1]);
  expect(inputs.length).toBeGreaterThan(5);
  for (const id of inputs) expect(page).toContain(`<label for="${id}">`);
  const wrong = await fetch(addresses.pay ?? '', {
    method: 'POST',
    body: new URLSearchParams({ number: '4242424242424241', country: 'IE' }),
  });
  const told = await wrong.text();
  expect(told).toContain('role="alert" id="problem"');
  expect(told).toMatch(/name="number"[^>]*aria-invalid="true" aria-describedby="problem"/);
});

it('a scenario is one click, keeps what was typed, and never shows its number', async () => {
  const body = new URLSearchParams({
    scenario: 'visa_chargeDeclinedInsufficientFunds',
    country: 'IE',
    name: 'Ann',
  });
  const answer = await fetch(addresses.pay ?? '', { method: 'POST', body });
  const page = await answer.text();
  expect(page).toContain('Your card has insufficient funds.');
  expect(page).toContain('value="Ann"');
  expect(page).not.toContain('4000000000009995');
});
