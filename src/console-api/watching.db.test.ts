import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createConsole } from '#console-api/server';
import type { Role } from '#orgs/roles';
import { systemEntropy } from '#src/system';
import { type Browser, CONSOLE_URL, type ConsoleWorld, consoleWorld } from '#test/console';
import { watchingResponse } from './watching/contract.ts';

let world: ConsoleWorld;
beforeAll(async () => {
  world = await consoleWorld();
});
afterAll(() => world.close());

const look = async (person: Browser) =>
  watchingResponse.parse((await person.get('/api/billing/watching')).body);

async function team(name: string, ...roles: Role[]) {
  const of = await world.organization(name);
  const email = (role: Role) => `${role}@${name.toLowerCase()}.example.com`;
  const people = new Map<Role, Browser>();
  for (const role of roles) people.set(role, await world.person(email(role), { of, role }));
  return { of, email, as: (role: Role): Browser => people.get(role) ?? world.stranger() };
}

describe('the checklist on the Billing page', () => {
  test('names everybody to an admin, and to the others nobody but themselves', async () => {
    const { email, as } = await team('Names', 'admin', 'billing', 'developer');
    const seen = await look(as('admin'));
    const [buy] = seen.duties;
    expect(buy?.watchers).toEqual([
      { kind: 'member', name: email('admin'), role: 'admin', you: true, note: null },
      { kind: 'member', name: email('billing'), role: 'billing', you: false, note: null },
    ]);
    const less = await look(as('billing'));
    expect(less.duties[0]?.watchers).toEqual([
      { kind: 'member', name: null, role: 'admin', you: false, note: null },
      { kind: 'member', name: email('billing'), role: 'billing', you: true, note: null },
    ]);
    const least = JSON.stringify(await look(as('developer')));
    expect(least).not.toContain(email('admin'));
    expect(least).not.toContain(email('billing'));
    const states = (shown: typeof seen) => shown.duties.map(({ duty, state }) => [duty, state]);
    expect(states(less)).toEqual(states(seen));
  });

  test('warns where a duty has nobody, and says where that is put right', async () => {
    const { as } = await team('Nobody', 'developer');
    const seen = await look(as('developer'));
    expect(seen.state).toBe('nobody');
    const [buy] = seen.duties;
    expect(buy).toMatchObject({ duty: 'buy', state: 'nobody', fix: 'members', watchers: [] });
  });

  test('is of one’s own organization alone', async () => {
    const mine = await team('Mine', 'admin');
    const theirs = await team('Theirs', 'admin', 'billing');
    const text = JSON.stringify(await look(mine.as('admin')));
    expect(text).toContain(mine.email('admin'));
    expect(text).not.toContain(theirs.email('admin'));
    expect(text).not.toContain(theirs.email('billing'));
  });

  test('counts the programs of the organization, where somebody keeps them', async () => {
    const { of, email } = await team('Programs', 'admin');
    const { pool } = world.payments.db;
    const asked: string[] = [];
    const server = await createConsole({
      ...{ pool, entropy: systemEntropy, identity: world.identity, payments: world.payments.deps },
      pepper: Buffer.from('a pepper that is only for tests.'),
      ...{ consoleUrl: CONSOLE_URL, brand: 'Bursar', simulated: true, logger: false },
      version: '0.0.0',
      async endpoints(_db, organizationId) {
        asked.push(organizationId);
        const url = 'https://hooks.example.com/s3cret?token=1';
        return [{ url, eventTypes: ['credits.low'], works: true }];
      },
    });
    const signedIn = await world.person(email('admin'));
    const answer = await server.app.inject({
      url: '/api/billing/watching',
      headers: { host: new URL(CONSOLE_URL).host, cookie: signedIn.cookie() },
    });
    await server.close();
    const { duties } = watchingResponse.parse(answer.json());
    expect(asked).toEqual([of]);
    const low = duties.find(({ duty }) => duty === 'low');
    expect(low?.state).toBe('ok');
    expect(low?.watchers.map(({ name }) => name)).toEqual([email('admin'), 'hooks.example.com']);
    expect(duties.find(({ duty }) => duty === 'access')?.state).toBe('weak');
  });
});
