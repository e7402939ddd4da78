import { afterAll, beforeAll, expect, test } from 'vitest';
import type { OrganizationId } from '#kernel/ids';
import { type Browser, type ConsoleWorld, consoleWorld } from '#test/console';
import { adviceResponse } from './advice/contract.ts';
import { errorBody } from './contract.ts';

let world: ConsoleWorld;
let of: OrganizationId;
let admin: Browser;
beforeAll(async () => {
  world = await consoleWorld();
  of = await world.organization('Acme');
  admin = await world.person('ada@example.com', { of, role: 'admin' });
});
afterAll(() => world?.close());

const PATH = '/api/auto-reload/advice';
const typed = { threshold_usd: '5', target_usd: '20', max_per_day: 2, max_usd_per_month: '' };

test('who has spent nothing is told so, and is suggested nothing', async () => {
  const advice = adviceResponse.parse((await admin.post(PATH, {})).body);
  expect(advice.paces.map(({ runway }) => runway.state)).toEqual(['no_spending', 'no_spending']);
  expect([advice.suggestion, advice.asked]).toEqual([null, null]);
  expect(advice.present).toMatchObject({ reloads: 0, threshold_usd: '10', target_usd: '50' });
});

test('what is being typed is replayed beside what is set, and nothing is kept of it', async () => {
  const { pool } = world.payments.db;
  const advice = adviceResponse.parse((await admin.post(PATH, { setting: typed })).body);
  expect(advice.asked).toMatchObject({
    ...{ threshold_usd: '5', target_usd: '20', max_per_day: 2, max_usd_per_month: null },
  });
  expect(advice.present.target_usd).toBe('50');
  const kept = await pool.query({ text: 'SELECT FROM payments.auto_reload' });
  expect(kept).toEqual([]);
});

test.each([
  [{ target_usd: '5' }, 'target_usd'],
  [{ max_per_day: 0 }, 'max_per_day'],
  [{ threshold_usd: 'ten' }, undefined],
])('%j cannot be replayed: it could not be saved either', async (changes, field) => {
  const refused = await admin.post(PATH, { setting: { ...typed, ...changes } });
  expect(refused.status).toBe(400);
  const { error } = errorBody.parse(refused.body);
  expect([error.code, error.field]).toEqual(['reload_invalid', field]);
});
