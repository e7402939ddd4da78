import { afterAll, beforeAll, expect, test } from 'vitest';
import { evaluateDueReloads } from '#payments/reload';
import { type ConsoleWorld, consoleWorld } from '#test/console';
import { reloadResponse } from './contract.ts';

let world: ConsoleWorld;
beforeAll(async () => {
  world = await consoleWorld();
});
afterAll(() => world?.close());

const SETTINGS = {
  ...{ enabled: true, threshold_usd: '10', target_usd: '50' },
  ...{ max_per_day: 3, max_usd_per_month: '500' },
};

test('what is agreed to says that charges are automatic, how much, and how they are stopped', async () => {
  const org = await world.organization('Agreeing');
  const person = await world.person('agreeing@example.com', { of: org, role: 'billing' });
  const read = async () => reloadResponse.parse((await person.get('/api/auto-reload')).body);
  const { consent } = await read();
  expect(consent.text).toMatch(
    /charged automatically.*at least \$5.*plus tax.*switched off at any/,
  );
  const cards = Object((await person.get('/api/cards')).body);
  // Saving a card is agreed to in words of its own, which are not enough here.
  const outdated = await person.post('/api/auto-reload', {
    ...{ ...SETTINGS, consent_version: cards.consent.version },
  });
  expect(outdated.status).toBe(409);
  const saved = await person.post('/api/auto-reload', {
    ...{ ...SETTINGS, consent_version: consent.version },
  });
  // Stored is answered; whether to buy is decided a moment later, and the page is told to look.
  expect(reloadResponse.parse(saved.body)).toMatchObject({ checking: true, evaluations: [] });
  await evaluateDueReloads(world.payments.deps);
  expect(await read()).toMatchObject({
    ...{ checking: false, elsewhere: false, evaluations: [{ answer: 'no_card' }] },
  });
});

test('what another deployment charges for is not shown as if this one did', async () => {
  const org = await world.organization('Elsewhere');
  const person = await world.person('elsewhere@example.com', { of: org, role: 'billing' });
  const { consent } = reloadResponse.parse((await person.get('/api/auto-reload')).body);
  await person.post('/api/auto-reload', { ...SETTINGS, consent_version: consent.version });
  await world.payments.db.ownerPool.query({
    text: `UPDATE payments.auto_reload SET environment = 'other' WHERE organization_id = $1`,
    values: [org],
  });
  const shown = reloadResponse.parse((await person.get('/api/auto-reload')).body);
  expect(shown).toMatchObject({ enabled: true, elsewhere: true });
  const moved = await person.post('/api/auto-reload', SETTINGS);
  expect(reloadResponse.parse(moved.body)).toMatchObject({ enabled: true, elsewhere: false });
});
