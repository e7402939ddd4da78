import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import * as z from 'zod/mini';
import { type Ability, may, ROLES, type Role } from '#orgs/roles';
import { type Browser, type ConsoleWorld, consoleWorld } from '#test/console';
import { createKeyResponse, errorBody, meResponse, purchase } from './contract.ts';

const openApi = z.object({ paths: z.record(z.string(), z.unknown()) });

let world: ConsoleWorld;
const people = new Map<Role, Browser>();

beforeAll(async () => {
  world = await consoleWorld();
  const of = await world.organization('Acme');
  for (const role of ROLES) {
    people.set(role, await world.person(`${role}@example.com`, { of, role }));
  }
});
afterAll(() => world.close());

const as = (role: Role): Browser => people.get(role) ?? world.stranger();

/** Every guarded route, with an input that would be carried out if the role allowed it. */
const DEEDS: readonly (readonly ['GET' | 'POST', string, Ability, object?])[] = [
  ['GET', '/api/billing', 'billing.view'],
  ['GET', '/api/billing/history', 'billing.view'],
  ['GET', '/api/billing/history.csv', 'billing.view'],
  ['GET', '/api/billing/payments', 'billing.view'],
  ['GET', '/api/billing/starter-credit', 'billing.view'],
  ['GET', '/api/billing/watching', 'billing.view'],
  ['POST', '/api/billing/starter-credit', 'billing.buy'],
  ['GET', '/api/purchases', 'billing.view'],
  ['GET', '/api/purchases/pur_NONE', 'billing.view'],
  ['POST', '/api/purchases', 'billing.buy', { amount_usd: '1', nonce: 'role-matrix' }],
  ['POST', '/api/purchases/pur_NONE/refresh', 'billing.buy'],
  ['POST', '/api/purchases/pur_NONE/cancel', 'billing.buy'],
  ['GET', '/api/purchases/pur_NONE/advice', 'billing.view'],
  ['GET', '/api/billing/details', 'billing.view'],
  ['POST', '/api/billing/details', 'billing.buy', { name: 'role matrix' }],
  ['POST', '/api/billing/quote', 'billing.buy', { amount_usd: '1' }],
  ['POST', '/api/billing/estimate', 'billing.view', { amount_usd: 'none' }],
  ['GET', '/api/cards', 'billing.view'],
  ['POST', '/api/cards/setups', 'billing.buy', { nonce: 'role-matrix', consent_version: 'none' }],
  ['POST', '/api/cards/setups/cset_NONE/refresh', 'billing.view'],
  ['GET', '/api/auto-reload', 'billing.view'],
  ['POST', '/api/auto-reload/advice', 'billing.view', {}],
  [
    'POST',
    '/api/auto-reload',
    'billing.buy',
    {
      enabled: false,
      threshold_usd: '10',
      target_usd: '50',
      max_per_day: 3,
      max_usd_per_month: null,
    },
  ],
  ['POST', '/api/cards/pm_NONE/default', 'billing.buy'],
  ['POST', '/api/cards/pm_NONE/remove', 'billing.buy'],
  ['GET', '/api/keys', 'keys.manage'],
  ['POST', '/api/keys', 'keys.manage', { name: 'role matrix' }],
  ['GET', '/api/limits', 'usage.view'],
  [
    'POST',
    '/api/limits',
    'limits.manage',
    { level: 'workspace', subject_id: 'wrkspc_NONE', amount_usd: '5', action: 'notify_only' },
  ],
  ['GET', '/api/notices', 'billing.view'],
  [
    'POST',
    '/api/notices/settings',
    'billing.buy',
    { low_balance_usd: '5', runway_days: 7, limit_steps: [80], digest: false, roles: {} },
  ],
  ['POST', '/api/notices/addresses', 'billing.buy', { address: 'a@example.com', topics: [] }],
  ['POST', '/api/notices/addresses/remove', 'billing.buy', { address: 'a@example.com' }],
  ['POST', '/api/notices/resume', 'billing.view', { topic: 'balance' }],
  ['GET', '/api/spend-watch', 'usage.view'],
  ['POST', '/api/spend-watch', 'limits.manage', { action: 'alert' }],
  ['POST', '/api/spend-watch/anomalies/anom_NONE/expected', 'keys.manage'],
  ['POST', '/api/keys/apikey_NONE/resume', 'keys.manage'],
  ['POST', '/api/keys/apikey_NONE/disable', 'keys.manage'],
  ['POST', '/api/keys/apikey_NONE/enable', 'keys.manage'],
  ['POST', '/api/keys/apikey_NONE/revoke', 'keys.manage'],
  ['GET', '/api/webhooks', 'webhooks.manage'],
  ['POST', '/api/webhooks', 'webhooks.manage', { url: '', description: '', event_types: [] }],
  [
    'POST',
    '/api/webhooks/whend_NONE',
    'webhooks.manage',
    { url: '', description: '', event_types: [] },
  ],
  ['POST', '/api/webhooks/whend_NONE/rotate', 'webhooks.manage'],
  ['POST', '/api/webhooks/whend_NONE/pause', 'webhooks.manage'],
  ['POST', '/api/webhooks/whend_NONE/enable', 'webhooks.manage'],
  ['POST', '/api/webhooks/whend_NONE/remove', 'webhooks.manage'],
  ['POST', '/api/webhooks/whend_NONE/test', 'webhooks.manage'],
  ['GET', '/api/webhooks/whend_NONE/deliveries', 'webhooks.manage'],
  ['POST', '/api/webhooks/whend_NONE/deliveries/evt_NONE/resend', 'webhooks.manage'],
];

const why = { reason: 'role matrix' };

/** Every route of the operator's page: there for operators, whatever their role anywhere. */
const OPERATOR_DEEDS: readonly (readonly ['GET' | 'POST', string, object?])[] = [
  ['GET', '/api/operator'],
  ['GET', '/api/operator/organizations?q=Acme'],
  ['GET', '/api/operator/organizations/org_NONE'],
  ['POST', '/api/operator/organizations/org_NONE/suspend', why],
  ['POST', '/api/operator/organizations/org_NONE/resume', why],
  ['GET', '/api/operator/purchases/pur_NONE/refund'],
  ['POST', '/api/operator/purchases/pur_NONE/refund', { ...why, credit_usd: '1', seen: 0 }],
  ['GET', '/api/operator/payments/pi_NONE'],
  ['POST', '/api/operator/payments/pi_NONE/credit', { ...why, organization_id: null }],
  ['POST', '/api/operator/payments/pi_NONE/refund', why],
];

describe('the operator’s page is not there for anybody else', () => {
  for (const [method, path, body] of OPERATOR_DEEDS) {
    test(`${method} ${path}`, async () => {
      const ask = (person: Browser) =>
        method === 'GET' ? person.get(path) : person.post(path, body);
      const nothing = await as('admin').get('/api/nothing-of-the-kind');
      for (const role of ROLES) {
        const answer = await ask(as(role));
        expect([role, answer.status, answer.body]).toEqual([role, 404, nothing.body]);
      }
      expect((await ask(world.stranger())).status).toBe(401);
    });
  }
});

describe('T13: role × route', () => {
  for (const [method, path, ability, body] of DEEDS) {
    test(`${method} ${path} is for those with ${ability}`, async () => {
      for (const role of ROLES) {
        const person = as(role);
        const answer = method === 'GET' ? await person.get(path) : await person.post(path, body);
        expect([role, answer.status === 403]).toEqual([role, !may(role, ability)]);
      }
      const stranger = world.stranger();
      const answer = method === 'GET' ? await stranger.get(path) : await stranger.post(path, body);
      expect(answer.status).toBe(401);
    });
  }

  test('every route the documentation lists is in this matrix or needs no role', async () => {
    const answer = await world.console.app.inject('/openapi.json');
    const { paths } = openApi.parse(answer.json());
    const needsNone = [
      'notices/link',
      'site',
      'sign-in',
      'sign-in/complete',
      'sign-out',
      'me',
      'me/organization',
    ];
    const listed = new Set([
      ...[...DEEDS, ...OPERATOR_DEEDS].map(([, path]) =>
        path
          .replace(/(?:pur|apikey|cset|pm|whend|org|pi|anom)_NONE/, '{id}')
          .replace('evt_NONE', '{event}')
          .replace(/\?.*/, ''),
      ),
      ...[...needsNone, 'organizations'].map((path) => `/api/${path}`),
    ]);
    expect(Object.keys(paths).sort()).toEqual([...listed].sort());
  });

  test('a refusal says whose deed it is and who to ask', async () => {
    const refused = await as('developer').post('/api/purchases', {
      amount_usd: '25',
      nonce: 'not-mine-to-buy',
    });
    expect(errorBody.parse(refused.body).error).toEqual({
      code: 'forbidden',
      message: 'Buying credits in Acme needs the role Admin or Billing; yours is Developer.',
      next_step: 'Ask someone with the role Admin or Billing.',
    });
  });

  test('a role taken away counts from the next request', async () => {
    const of = await world.organization('Demotion');
    const email = 'demoted@example.com';
    const before = await world.person(email, { of, role: 'billing' });
    expect((await before.get('/api/billing')).status).toBe(200);
    await world.person(email, { of, role: 'user' });
    expect((await before.get('/api/billing')).status).toBe(403);
  });
});

describe('T11: ids of another organization', () => {
  test('are answered exactly as ids that never were', async () => {
    const of = await world.organization('Victim');
    const victim = await world.person('victim@example.com', { of, role: 'admin' });
    const begun = await victim.post('/api/purchases', { amount_usd: '25', nonce: 'victim-1' });
    const bought = purchase.parse(begun.body);
    const made = await victim.post('/api/keys', { name: 'theirs' });
    const key = createKeyResponse.parse(made.body);
    const attacker = as('admin');
    const tries = [
      ['GET', '/api/purchases/ID', bought.id, 'pur_01ARZ3NDEKTSV4RRFFQ69G5FAV'],
      ['POST', '/api/purchases/ID/refresh', bought.id, 'pur_01ARZ3NDEKTSV4RRFFQ69G5FAV'],
      ['POST', '/api/purchases/ID/cancel', bought.id, 'pur_01ARZ3NDEKTSV4RRFFQ69G5FAV'],
      ['GET', '/api/purchases/ID/advice', bought.id, 'pur_01ARZ3NDEKTSV4RRFFQ69G5FAV'],
      ['POST', '/api/keys/ID/disable', key.id, 'apikey_01ARZ3NDEKTSV4RRFFQ69G5FAV'],
      ['POST', '/api/keys/ID/revoke', key.id, 'apikey_01ARZ3NDEKTSV4RRFFQ69G5FAV'],
    ] as const;
    for (const [method, path, foreign, missing] of tries) {
      const ask = (id: string) => {
        const url = path.replace('ID', encodeURIComponent(id));
        return method === 'GET' ? attacker.get(url) : attacker.post(url);
      };
      const expected = await ask(missing);
      expect(expected.status).toBe(404);
      for (const id of [foreign, `${foreign} `, '..', `${foreign}\u0000`, '%', of]) {
        const answer = await ask(id);
        expect([path, id, answer.status, answer.body]).toEqual([path, id, 404, expected.body]);
      }
    }
    const selected = await attacker.post('/api/me/organization', { organization_id: of });
    const unknown = await attacker.post('/api/me/organization', { organization_id: 'org_NONE' });
    expect([selected.status, selected.body]).toEqual([404, unknown.body]);

    const shown = purchase.parse((await victim.get(`/api/purchases/${bought.id}`)).body);
    expect(shown.state).toBe('awaiting_customer');
    expect((await victim.get('/api/keys')).body).toMatchObject({ data: [{ status: 'active' }] });
  });

  test('nothing in a body moves a deed to another organization or role (T12)', async () => {
    const of = await world.organization('Elsewhere');
    const member = await world.person('mass@example.com', { of, role: 'developer' });
    const theirs = await world.organization('Theirs');
    const planted = {
      organization_id: theirs,
      organizationId: theirs,
      role: 'admin',
      kind: 'admin',
    };
    const made = createKeyResponse.parse(
      (await member.post('/api/keys', { name: 'mine', ...planted })).body,
    );
    expect(made.key).toMatch(/^sk-bursar-api01-/);
    const own = await world.person('mass@example.com', { of, role: 'developer' });
    expect((await own.get('/api/keys')).body).toMatchObject({ data: [{ id: made.id }] });
    expect(meResponse.parse((await own.get('/api/me')).body).role).toBe('developer');
  });
});
