import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Browser, type ConsoleWorld, consoleWorld } from '#test/console';
import {
  billingResponse,
  createKeyResponse,
  errorBody,
  historyResponse,
  keyList,
  meResponse,
  purchase,
  purchaseList,
} from './contract.ts';

let world: ConsoleWorld;
beforeAll(async () => {
  world = await consoleWorld();
});
afterAll(() => world.close());

const admin = async (name: string): Promise<Browser> =>
  world.person(`${name}@example.com`, { of: await world.organization(name), role: 'admin' });

describe('organizations', () => {
  test('whoever creates one is its admin and looks at it', async () => {
    const person = await world.person('founder@example.com');
    expect((await person.get('/api/billing')).status).toBe(409);
    const created = meResponse.parse(
      (await person.post('/api/organizations', { name: ' Zoë & Co ' })).body,
    );
    expect(created).toMatchObject({
      organization: { name: 'Zoë & Co' },
      role: 'admin',
      brand: 'Bursar',
      simulated: true,
    });
    expect((await person.get('/api/billing')).status).toBe(200);
    const second = meResponse.parse((await person.post('/api/organizations', { name: 'B' })).body);
    expect(second.organization?.name).toBe('B');
    const back = await person.post('/api/me/organization', {
      organization_id: created.organization?.id,
    });
    expect(meResponse.parse(back.body).organization).toEqual(created.organization);
    const me = meResponse.parse((await person.get('/api/me')).body);
    expect([me.organization, me.organizations.length]).toEqual([created.organization, 2]);
  });
});

describe('API keys', () => {
  test('a key is shown once, then only its hint; revoked it stays listed', async () => {
    const person = await admin('keys');
    const answer = await person.post('/api/keys', { name: 'production' });
    expect(answer.status).toBe(201);
    const made = createKeyResponse.parse(answer.body);
    const listed = await person.get('/api/keys');
    expect(JSON.stringify(listed.body)).not.toContain(made.key);
    expect(keyList.parse(listed.body).data).toMatchObject([
      { id: made.id, name: 'production', hint: made.hint, status: 'active', expires_at: null },
    ]);
    expect((await person.post(`/api/keys/${made.id}/revoke`)).body).toEqual({ ok: true });
    expect((await person.post(`/api/keys/${made.id}/revoke`)).body).toEqual({ ok: true });
    expect(keyList.parse((await person.get('/api/keys')).body).data[0]?.status).toBe('revoked');
  });

  test('a key is made to end, switched off and on, and no longer once it is revoked', async () => {
    const person = await admin('states');
    const answer = await person.post('/api/keys', { name: 'week', expires: '7d' });
    const { id } = createKeyResponse.parse(answer.body);
    const state = async () => {
      const [key] = keyList.parse((await person.get('/api/keys')).body).data;
      return key;
    };
    const made = await state();
    const lives = Date.parse(made?.expires_at ?? '') - Date.parse(made?.created_at ?? '');
    expect(Math.abs(lives - 7 * 86_400_000)).toBeLessThan(60_000);
    for (const [move, status] of [
      ['disable', 'inactive'],
      ['enable', 'active'],
      ['revoke', 'revoked'],
    ] as const) {
      expect((await person.post(`/api/keys/${id}/${move}`)).body).toEqual({ ok: true });
      expect((await state())?.status).toBe(status);
    }
    const late = await person.post(`/api/keys/${id}/enable`);
    expect([late.status, errorBody.parse(late.body).error.code]).toEqual([409, 'key_state']);
    expect((await person.post('/api/keys/apikey_nobody/disable')).status).toBe(404);
  });

  test('an end that is none is refused by its field', async () => {
    const person = await admin('ends');
    for (const expires of ['2d', '', 7, '2001-01-01T00:00:00Z', '9999-01-01T00:00:00Z']) {
      const refused = await person.post('/api/keys', { name: 'odd', expires });
      expect(refused.status).toBe(400);
      expect(errorBody.parse(refused.body).error.field).toBe('expires');
    }
  });

  test('a name that is no name is refused by its field', async () => {
    const person = await admin('names');
    for (const name of ['', '  ', 'a\u0000b', 7, undefined]) {
      const refused = await person.post('/api/keys', { name });
      expect(refused.status).toBe(400);
      expect(errorBody.parse(refused.body).error.field).toBe('name');
    }
  });
});

describe('buying credits', () => {
  test('from the button to the balance, every step shown', async () => {
    const person = await admin('buyer');
    const before = billingResponse.parse((await person.get('/api/billing')).body);
    expect(before).toMatchObject({
      available_usd: '0',
      grants: [],
      open_purchase: null,
      webhooks_silent: false,
      limits: { minimum_usd: '5', maximum_usd: '10000' },
    });

    const form = { amount_usd: '25.50', nonce: 'buyer-form-1' };
    const [first, second] = await Promise.all([
      person.post('/api/purchases', form),
      person.post('/api/purchases', form),
    ]);
    const bought = purchase.parse(first.body);
    expect([first.status, purchase.parse(second.body).id]).toEqual([201, bought.id]);
    expect(bought).toMatchObject({ amount_usd: '25.5', total_usd: '25.5' });

    const opened = purchase.parse((await person.post(`/api/purchases/${bought.id}/refresh`)).body);
    expect(opened.state).toBe('awaiting_customer');
    const billing = billingResponse.parse((await person.get('/api/billing')).body);
    expect(billing.open_purchase?.id).toBe(bought.id);

    await pay(opened.redirect_url);
    const paid = purchase.parse((await person.post(`/api/purchases/${bought.id}/refresh`)).body);
    expect(paid.state).toBe('credited');
    expect(paid.timeline.map((step) => step.state).at(-1)).toBe('credited');

    const after = billingResponse.parse((await person.get('/api/billing')).body);
    expect(after).toMatchObject({
      available_usd: '25.5',
      open_purchase: null,
      webhooks_silent: false,
      grants: [{ id: paid.grant_id, kind: 'purchase', remaining_usd: '25.5', state: 'active' }],
    });
    const history = historyResponse.parse((await person.get('/api/billing/history')).body);
    expect(history).toMatchObject({
      has_more: false,
      data: [{ kind: 'credit.purchase', title: 'Credits bought', amount_usd: '25.5' }],
    });
    const file = await person.get('/api/billing/history.csv');
    expect(file.headers).toMatchObject({
      'content-type': 'text/csv; charset=utf-8',
      'content-disposition': 'attachment; filename="statement.csv"',
    });
    const [head, line, ...more] = String(file.body).trimEnd().split('\r\n');
    expect(head).toMatch(/^id,at,recorded_at,kind,amount_usd,balance_usd,/);
    expect(line).toContain(',credit.purchase,25.5,25.5,');
    expect(more).toEqual([]);
    const listed = purchaseList.parse((await person.get('/api/purchases')).body);
    expect(listed.data.map((one) => one.id)).toEqual([bought.id]);
  });

  test('an amount outside the limits is refused by its field, in words', async () => {
    const person = await admin('limits');
    const cases = [
      ['4.99', 'amount_too_small', 'The smallest purchase is $5.'],
      ['-25', 'amount_too_small', 'The smallest purchase is $5.'],
      ['10000.01', 'amount_too_large', 'The largest purchase is $10000.'],
      ['25.001', 'amount_not_cents', 'Cards are charged in whole cents.'],
      ['1e3', 'amount_invalid', 'Enter an amount in US dollars, such as 25.'],
      ['25,50', 'amount_invalid', 'Enter an amount in US dollars, such as 25.'],
      ['NaN', 'amount_invalid', 'Enter an amount in US dollars, such as 25.'],
    ] as const;
    for (const [amount_usd, code, message] of cases) {
      const refused = await person.post('/api/purchases', {
        amount_usd,
        nonce: `n-${amount_usd}`.replace(/[^\w-]/g, '_').padEnd(8, '_'),
      });
      expect(refused.status).toBe(400);
      expect(errorBody.parse(refused.body).error).toMatchObject({
        code,
        message,
        field: 'amount_usd',
      });
    }
    expect((await person.get('/api/purchases')).body).toEqual({ data: [] });
  });

  test('a canceled purchase is closed and was not charged', async () => {
    const person = await admin('canceler');
    const form = { amount_usd: '5', nonce: 'cancel-form' };
    const { id } = purchase.parse((await person.post('/api/purchases', form)).body);
    const canceled = purchase.parse((await person.post(`/api/purchases/${id}/cancel`)).body);
    expect([canceled.state, canceled.redirect_url]).toEqual(['canceled', null]);
    const again = await person.post(`/api/purchases/${id}/cancel`);
    expect(purchase.parse(again.body).state).toBe('canceled');
  });

  test('who did what is noted, without a secret', async () => {
    const events = await world.payments.db.ownerPool.query<{ action: string; row: string }>({
      text: 'SELECT action, e::text AS row FROM identity.audit_events e',
    });
    const actions = new Set(events.map((event) => event.action));
    for (const action of ['session.start', 'api_key.create', 'api_key.revoke', 'purchase.begin']) {
      expect(actions).toContain(action);
    }
    expect(events.some((event) => /sk-bursar|@example/.test(event.row))).toBe(false);
  });
});

/** As a person on the hosted page would. */
async function pay(redirectUrl: string | null): Promise<void> {
  const session = /cs_[A-Za-z0-9_]+/.exec(redirectUrl ?? '')?.[0] ?? '';
  const answer = await fetch(`${world.payments.simUrl}/_sim/pay/${session}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ number: '4242424242424242' }),
  });
  expect(answer.status).toBeLessThan(300);
}
