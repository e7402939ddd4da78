import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { evaluateDueReloads } from '#payments/reload';
import { type AdminWorld, adminWorld, messageOf } from '#test/admin-world';

let world: AdminWorld;
beforeAll(async () => {
  world = await adminWorld();
});
afterAll(() => world?.close());

const payOn = (redirect: string) =>
  fetch(`${world.shop.simUrl}/_sim/pay/${new URL(redirect).pathname.split('/').at(-1)}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ number: '4242424242424242', three_ds: 'pass' }),
  });

describe('a purchase by a program', () => {
  test('begins with a page to pay on, and is credited when that is done', async () => {
    const begun = await world.call('POST', '/purchases', { amount_usd: '5' });
    expect(begun).toMatchObject({
      status: 201,
      body: { type: 'purchase', state: 'awaiting_customer', trigger: 'manual', amount_usd: '5' },
    });
    await payOn(begun.body.redirect_url);
    const { body } = await world.get(`/purchases/${begun.body.id}`);
    expect(body).toMatchObject({ state: 'credited', failure: null, redirect_url: null });
    expect(body.timeline.at(-1).state).toBe('credited');
    const { body: all } = await world.get('/purchases');
    expect(all.data[0].id).toBe(begun.body.id);
  });

  test('is canceled on demand', async () => {
    const { body } = await world.call('POST', '/purchases', { amount_usd: '7.50' });
    const canceled = await world.call('POST', `/purchases/${body.id}/cancel`);
    expect(canceled).toMatchObject({ status: 200, body: { state: 'canceled' } });
  });

  test.each([
    ['4.99', 'amount_usd: expected at least 5'],
    ['10000.01', 'amount_usd: expected at most 10000'],
    ['5.001', 'amount_usd: expected whole cents'],
    ['five', 'amount_usd: expected US dollars'],
  ])('of $%s is refused by its field', async (amount_usd, words) => {
    const refused = await world.call('POST', '/purchases', { amount_usd });
    expect(refused.status).toBe(400);
    expect(messageOf(refused)).toContain(words);
  });

  test('of another organization is as unknown as one that never was', async () => {
    const { body } = await world.call('POST', '/purchases', { amount_usd: '5' });
    for (const [method, path] of [
      ['GET', `/purchases/${body.id}`],
      ['POST', `/purchases/${body.id}/cancel`],
      ['GET', '/purchases/pur_unknown'],
    ] as const) {
      expect((await world.call(method, path, {}, world.foreign)).status).toBe(404);
    }
    expect((await world.get(`/purchases/${body.id}`)).body.state).toBe('awaiting_customer');
  });
});

describe('auto-reload by a program', () => {
  test('is off, is set, and says why it did not reload', async () => {
    expect((await world.get('/auto_reload')).body).toMatchObject({ enabled: false, status: 'off' });
    const asked = { enabled: true, threshold_usd: '100', target_usd: '150', max_per_day: 2 };
    const set = await world.call('PUT', '/auto_reload', { ...asked, max_usd_per_month: '500' });
    expect(set).toMatchObject({
      status: 200,
      body: {
        ...asked,
        max_usd_per_month: '500',
        status: 'on',
        evaluations: [],
      },
    });
    // Stored is answered at once; whether to reload is asked by the timer.
    await evaluateDueReloads(world.shop.deps);
    expect((await world.get('/auto_reload')).body).toMatchObject({
      evaluations: [{ outcome: 'no_card', cause: 'settings_changed' }],
    });
    const off = await world.call('PUT', '/auto_reload', { enabled: false });
    expect(off.body).toMatchObject({
      ...{ ...asked, enabled: false, status: 'off', max_usd_per_month: '500' },
    });
    const unbounded = await world.call('PUT', '/auto_reload', {
      ...{ enabled: false, max_usd_per_month: null },
    });
    expect(unbounded.body).toMatchObject({ threshold_usd: '100', max_usd_per_month: null });
  });

  test.each([
    [{ target_usd: '10' }, 'target_usd must be above threshold_usd'],
    [{ threshold_usd: 'ten' }, 'threshold_usd: expected US dollars'],
    [{ max_per_day: 0 }, 'max_per_day must be'],
    [{ max_usd_per_month: '0' }, 'max_usd_per_month must be'],
    [{ enabled: 'yes' }, 'enabled: expected true or false'],
  ])('refuses %o by its field, and changes nothing', async (changes, words) => {
    const before = await world.get('/auto_reload');
    const asked = { enabled: true, threshold_usd: '10', target_usd: '50', ...changes };
    const refused = await world.call('PUT', '/auto_reload', asked);
    expect(refused.status).toBe(400);
    expect(messageOf(refused)).toContain(words);
    expect(await world.get('/auto_reload')).toEqual(before);
  });
});
