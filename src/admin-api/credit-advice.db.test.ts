import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type AdminWorld, adminWorld, messageOf } from '#test/admin-world';
import { ask } from '#test/gateway-world';
import { usd } from '#test/ledger-world';

let world: AdminWorld;
beforeAll(async () => {
  world = await adminWorld();
  expect((await ask(world)).status).toBe(200);
});
afterAll(() => world?.close());

const advice = (query = '', as?: string) => world.get(`/credits/advice${query}`, as);

describe('GET /v1/organizations/credits/advice', () => {
  test('tells the pace, how long the credit lasts at it, and what would have been bought', async () => {
    const { status, body } = await advice();
    expect(status).toBe(200);
    expect(body.type).toBe('credit_advice');
    expect(body.paces.map(({ days }: { days: number }) => days)).toEqual([7, 3]);
    const { body: credits } = await world.get('/credits');
    expect(usd('10') - usd(credits.available_usd)).toBe(usd(body.paces[0].spent_usd));
    expect(body.paces[0].runway).toMatchObject({ state: 'lasts', ends_by: expect.any(String) });
    expect(body.suggestion).toMatchObject({ threshold_usd: '5', target_usd: '10' });
    expect(body.present).toMatchObject({
      ...{ threshold_usd: '10', target_usd: '50', max_per_day: 3, max_usd_per_month: '500' },
      ...{ reloads: 0, charged_usd: '0', seconds_at_zero: 0, refused_usd: '0', held_by: [] },
    });
    expect(body.asked).toBeNull();
  });

  test('replays a setting that is asked about; what is left out is as it is set', async () => {
    const { body } = await advice('?target_usd=60&max_usd_per_month=none');
    expect(body.asked).toMatchObject({
      ...{ threshold_usd: '10', target_usd: '60', max_per_day: 3, max_usd_per_month: null },
    });
    expect(body.present.target_usd).toBe('50');
    const { body: set } = await world.get('/auto_reload');
    expect(set).toMatchObject({ enabled: false, target_usd: '50' });
  });

  test.each([
    ['?target_usd=9', /^target_usd must be above threshold_usd/],
    ['?threshold_usd=lots', /^threshold_usd: found "lots", expected US dollars/],
    ['?max_per_day=25', /^max_per_day must be/],
    ['?max_usd_per_month=0', /^max_usd_per_month must be/],
  ])('%s could not be set either, and is refused by its field', async (query, words) => {
    const refused = await advice(query);
    expect(refused.status).toBe(400);
    expect(messageOf(refused)).toMatch(words);
  });

  test('T11: of another organization nothing is told', async () => {
    const { body } = await advice('', world.foreign);
    expect(body.paces[0]).toMatchObject({ spent_usd: '0', runway: { state: 'no_spending' } });
    expect(body.suggestion).toBeNull();
  });
});
