import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { OrganizationId } from '#kernel/ids';
import { announce, announceForgotten } from '#notices/announce';
import { readSettings, storeSettings } from '#notices/settings';
import { teller } from '#notices/tell';
import type { Role } from '#orgs/roles';
import { saveReloadSettings } from '#payments/reload-settings';
import { systemEntropy } from '#src/system';
import { type NoticesWorld, noticesWorld } from '#test/notices-world';
import { type Reloader, SETTINGS } from '#test/reload-world';
import type { Answer } from './decide.ts';
import { type Duty, findingOf, type State } from './duties.ts';
import { readWatching } from './watching.ts';

let world: NoticesWorld;
beforeAll(async () => {
  world = await noticesWorld();
});
afterAll(() => world.close());

type Team = readonly (readonly [string, Role])[];
const TWO: Team = [
  ['ada', 'admin'],
  ['bob', 'billing'],
];

interface Scene {
  readonly reloader: Reloader;
  readonly of: OrganizationId;
  email(name: string): string;
  answers(): Promise<Answer[]>;
  found(duty: Duty): Promise<readonly [string, State] | undefined>;
  user(name: string): Promise<string>;
}

let scenes = 0;

async function scene(team: Team): Promise<Scene> {
  const reloader = await world.reloads.reloader();
  const { organizationId: of } = reloader.payer;
  const mark = `scene${scenes++}`;
  const email = (name: string) => `${name}@${mark}.example.com`;
  for (const [name, role] of team) await world.member(of, email(name), role);
  const deps = { payments: world.reloads.world.deps };
  const answers = () => readWatching(deps, of);
  return {
    ...{ reloader, of, email, answers },
    async found(duty) {
      const answer = (await answers()).find((one) => one.duty === duty);
      return answer && [answer.finding, findingOf(answer.finding).state];
    },
    async user(name) {
      const [row] = await world.deps.pool.query<{ id: string }>({
        text: 'SELECT id FROM orgs.users WHERE email = $1',
        values: [email(name)],
      });
      return row?.id ?? '';
    },
  };
}

const owner = (text: string, ...values: string[]) =>
  world.reloads.world.db.ownerPool.query({ text, values });

/** A mail to everybody who is told, which meets this. */
async function mailing(of: OrganizationId, key: string, problem?: string): Promise<void> {
  const tell = teller(systemEntropy);
  await world.deps.pool.transaction((tx) =>
    tell(tx, { organizationId: of, kind: 'payment_failed', key, facts: {} }),
  );
  await announceForgotten(world.deps);
  await owner(
    `UPDATE notices.mails SET state = $2, problem = NULLIF($3, ''), ended_at = bursar.now()
      WHERE organization_id = $1 AND state = 'queued'`,
    ...[of, problem === undefined ? 'sent' : 'failed', problem ?? ''],
  );
}

describe('who is watching', () => {
  test('all is well where two may buy and are told, and a card is good', async () => {
    const { reloader, user, of, answers } = await scene(TWO);
    await reloader.save();
    await saveReloadSettings(world.reloads.world.deps, of, SETTINGS, await user('ada'));
    const states = (await answers()).map(({ duty, finding }) => [duty, findingOf(finding).state]);
    expect(states).toEqual(
      ['buy', 'low', 'access', 'payments', 'reload', 'card'].map((duty) => [duty, 'ok']),
    );
  });

  test('nobody may buy, and nobody is told, where there are only developers', async () => {
    const { found } = await scene([['dev', 'developer']]);
    expect(await found('buy')).toEqual(['no_buyer', 'nobody']);
    expect(await found('low')).toEqual(['nobody_told', 'nobody']);
    expect(await found('payments')).toEqual(['nobody_told', 'nobody']);
    // Developers are told of refused requests, which is too late.
    expect(await found('access')).toEqual(['one_told', 'weak']);
    expect(await found('notice')).toEqual(['noticed_late', 'weak']);
  });

  test('where one person does it alone, that is said', async () => {
    const { found } = await scene([['ada', 'admin']]);
    expect(await found('buy')).toEqual(['one_buyer', 'weak']);
    expect(await found('low')).toEqual(['one_told', 'weak']);
    expect(await found('notice')).toEqual(['noticed', 'ok']);
    expect(await found('card')).toEqual(['card_not_needed', 'ok']);
  });

  test('a mark that is taken away leaves nobody who is told in time', async () => {
    const { of, found } = await scene(TWO);
    expect(await found('low')).toEqual(['told', 'ok']);
    await world.deps.pool.transaction(async (tx) => {
      const settings = await readSettings(tx, of);
      await storeSettings(tx, of, { ...settings, lowBalance: null, runwayDays: null }, 'user_1');
    });
    expect(await found('low')).toEqual(['no_mark', 'nobody']);
    expect(await found('notice')).toEqual(['noticed_late', 'weak']);
  });

  test('who unsubscribed is told no more, but of what somebody must know', async () => {
    const { of, email, found } = await scene(TWO);
    for (const name of ['ada', 'bob']) {
      for (const topic of ['balance', 'access']) {
        await owner(
          'INSERT INTO notices.opt_outs (organization_id, address, topic) VALUES ($1, $2, $3)',
          ...[of, email(name), topic],
        );
      }
    }
    expect(await found('low')).toEqual(['nobody_told', 'nobody']);
    expect(await found('access')).toEqual(['told', 'ok']);
  });

  test('an added address counts once its owner agreed', async () => {
    const { of, found } = await scene([['ada', 'admin']]);
    await owner(
      `INSERT INTO notices.addresses (organization_id, address, topics, added_by)
        VALUES ($1, 'team@example.com', '{balance}', 'user_1')`,
      of,
    );
    expect(await found('low')).toEqual(['one_told', 'weak']);
    await owner('UPDATE notices.addresses SET confirmed_at = now() WHERE organization_id = $1', of);
    expect(await found('low')).toEqual(['told', 'ok']);
  });

  test('addresses that bounced count for nothing until a mail arrives again', async () => {
    const { of, found } = await scene(TWO);
    await mailing(of, 'first', 'address_refused');
    expect(await found('low')).toEqual(['only_unreached', 'weak']);
    expect(await found('notice')).toEqual(['only_unreached', 'weak']);
    await mailing(of, 'second');
    expect(await found('low')).toEqual(['told', 'ok']);
  });

  test('who is named is who is mailed', async () => {
    const { of, answers } = await scene([...TWO, ['dev', 'developer']]);
    const tell = teller(systemEntropy);
    const kinds = { low: 'low_balance', access: 'out_of_credit', payments: 'payment_failed' };
    for (const kind of Object.values(kinds)) {
      await world.deps.pool.transaction((tx) =>
        tell(tx, { organizationId: of, kind, key: 'named', facts: {} }),
      );
    }
    const notices = await world.deps.pool.query<{ id: string; kind: string }>({
      text: 'SELECT id, kind FROM notices.notices WHERE organization_id = $1',
      values: [of],
    });
    const named = await answers();
    for (const { id, kind } of notices) {
      await announce(world.deps, of, id);
      const mailed = await world.deps.pool.query<{ address: string }>({
        text: 'SELECT address FROM notices.deliveries WHERE organization_id = $1 AND notice_id = $2',
        values: [of, id],
      });
      const answer = named.find(({ duty }) =>
        Object.entries(kinds).some(([name, told]) => name === duty && told === kind),
      );
      const emails = answer?.watchers.flatMap((one) => ('email' in one ? [one.email] : []));
      expect(emails?.sort()).toEqual(mailed.map(({ address }) => address).sort());
    }
  });
});

describe('who stands for auto-reload', () => {
  test('who leaves, and who loses the role, stands for it no more', async () => {
    const { of, reloader, user, found } = await scene([...TWO, ['eve', 'billing']]);
    await reloader.save();
    const { deps } = world.reloads.world;
    await saveReloadSettings(deps, of, SETTINGS, await user('bob'));
    expect(await found('reload')).toEqual(['owned', 'ok']);
    await owner(
      "UPDATE orgs.members SET role = 'developer' WHERE organization_id = $1 AND user_id = $2",
      ...[of, await user('bob')],
    );
    expect(await found('reload')).toEqual(['owner_may_not', 'weak']);
    await owner(
      'DELETE FROM orgs.members WHERE organization_id = $1 AND user_id = $2',
      ...[of, await user('bob')],
    );
    expect(await found('reload')).toEqual(['owner_left', 'weak']);
    // Whoever saves it again takes it over.
    await saveReloadSettings(deps, of, SETTINGS, await user('eve'));
    expect(await found('reload')).toEqual(['owned', 'ok']);
  });

  test('a program stands for nothing, and without anybody who may buy there is nobody', async () => {
    const { of, found } = await scene(TWO);
    const { deps } = world.reloads.world;
    await saveReloadSettings(deps, of, SETTINGS, 'apikey_01ARZ3NDEKTSV4RRFFQ69G5FAV');
    expect(await found('reload')).toEqual(['owner_program', 'weak']);
    await owner("UPDATE orgs.members SET role = 'developer' WHERE organization_id = $1", of);
    expect(await found('reload')).toEqual(['owner_nobody', 'nobody']);
  });

  test('auto-reload needs a card, one that is good for a while and was not refused', async () => {
    const { of, reloader, user, found } = await scene(TWO);
    const { deps } = world.reloads.world;
    await saveReloadSettings(deps, of, SETTINGS, await user('ada'));
    expect(await found('card')).toEqual(['card_none', 'nobody']);
    await reloader.save();
    expect(await found('card')).toEqual(['card_good', 'ok']);
    await owner(
      `UPDATE payments.cards SET exp_month = extract(month FROM soon), exp_year = extract(year FROM soon)
         FROM (SELECT bursar.now() AT TIME ZONE 'UTC' - interval '2 months' AS soon) AS past
        WHERE organization_id = $1`,
      of,
    );
    expect(await found('card')).toEqual(['card_unfit', 'nobody']);
    await saveReloadSettings(deps, of, { ...SETTINGS, enabled: false }, await user('ada'));
    expect(await found('card')).toEqual(['card_ended', 'weak']);
  });

  test('a pause because of the card is nobody’s card, and is said of auto-reload', async () => {
    const { of, reloader, user, found } = await scene(TWO);
    await reloader.save();
    await saveReloadSettings(world.reloads.world.deps, of, SETTINGS, await user('ada'));
    await owner(
      `UPDATE payments.auto_reload SET paused_reason = 'card_declined', paused_at = bursar.now()
        WHERE organization_id = $1`,
      of,
    );
    expect(await found('card')).toEqual(['card_refused', 'nobody']);
    expect(await found('reload')).toEqual(['reload_paused', 'weak']);
  });
});
