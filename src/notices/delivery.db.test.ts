import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { OrganizationId } from '#kernel/ids';
import { systemEntropy } from '#src/system';
import { type NoticesWorld, noticesWorld } from '#test/notices-world';
import { addAddress, dropAddress, followLink, resumeTopic } from './addresses.ts';
import { announce } from './announce.ts';
import { deliverDue, deliverMail, RETRY_AFTER } from './deliver.ts';
import { sendDigests } from './digest.ts';
import type { NoticeKind } from './kinds.ts';
import { sentNotices, unreachedAddresses } from './sent.ts';
import { type NoticeSettings, readSettings, storeSettings } from './settings.ts';
import { teller } from './tell.ts';

let world: NoticesWorld;
let count = 0;
beforeAll(async () => {
  world = await noticesWorld();
});
afterAll(() => world.close());

async function organization(): Promise<{ id: OrganizationId; admin: string }> {
  const { payer } = await world.reloads.reloader();
  const admin = `ada${count++}@example.com`;
  await world.member(payer.organizationId, admin, 'admin');
  return { id: payer.organizationId, admin };
}

async function tell(organizationId: string, kind: NoticeKind, facts = {}): Promise<void> {
  const key = `key_${count++}`;
  await world.deps.pool.transaction((tx) =>
    teller(systemEntropy)(tx, { organizationId, kind, key, facts }),
  );
}

async function choose(id: OrganizationId, changes: Partial<NoticeSettings>): Promise<void> {
  const before = await readSettings(world.deps.pool, id);
  const saved = await storeSettings(world.deps.pool, id, { ...before, ...changes }, 'user_ada');
  expect(saved).toEqual({ outcome: 'saved' });
}

const setting = { brand: 'Bursar', organization: 'Test' };
const states = async (id: OrganizationId) =>
  (await sentNotices(world.deps.pool, id, setting)).flatMap(({ mails }) =>
    mails.map(({ address, state }) => [address, state]),
  );
/** Lets every mail that waits be tried now. */
const hurry = () =>
  world.reloads.world.db.ownerPool.query({
    text: `UPDATE notices.mails SET next_try_at = bursar.real_now() WHERE state = 'queued'`,
  });
const linkOf = (text: string | undefined, path: string): URL => {
  const found = text?.split(/\s/).find((word) => word.includes(path));
  if (found === undefined) throw new Error(`no link to ${path} in ${text}`);
  return new URL(found);
};
const follow = (url: URL, changes: Record<string, string> = {}) => {
  const of = (name: string): string => changes[name] ?? url.searchParams.get(name) ?? '';
  const deed = of('do') === 'confirm' ? 'confirm' : 'stop';
  const subject = { deed, organizationId: of('organization'), address: of('address') } as const;
  return followLink(world.deps, { ...subject, topic: of('topic') }, of('signature'));
};

describe('a mail', () => {
  test('that no server takes is tried again for days, the same each time, and then shown', async () => {
    const { id, admin } = await organization();
    await tell(id, 'low_balance');
    const down = { outcome: 'unavailable', problem: 'mail_server_unreachable' } as const;
    world.fate.push(down, down);
    await world.work();
    expect(await states(id)).toEqual([[admin, 'queued']]);
    // Not its turn yet.
    await deliverDue(world.deps);
    expect(world.fate).toHaveLength(1);
    await hurry();
    await deliverDue(world.deps);
    await hurry();
    await deliverDue(world.deps);
    expect(world.mailsTo(admin)).toHaveLength(1);
    expect(await states(id)).toEqual([[admin, 'sent']]);

    await tell(id, 'runway_short');
    world.fate.push(...RETRY_AFTER.map(() => down), down);
    await world.work();
    for (const _ of RETRY_AFTER) {
      await hurry();
      await deliverDue(world.deps);
    }
    expect(world.fate).toEqual([]);
    expect((await states(id))[0]).toEqual([admin, 'failed']);
    expect(await unreachedAddresses(world.deps.pool, id)).toMatchObject([
      { address: admin, problem: 'mail_server_unreachable' },
    ]);
  });

  test('to an address that is refused is not tried again; a later one that arrives clears it', async () => {
    const { id, admin } = await organization();
    await tell(id, 'low_balance');
    world.fate.push({ outcome: 'refused', problem: 'address_refused' });
    await world.work();
    await hurry();
    await deliverDue(world.deps);
    expect(world.mailsTo(admin)).toEqual([]);
    expect(await unreachedAddresses(world.deps.pool, id)).toMatchObject([{ address: admin }]);
    await tell(id, 'out_of_credit');
    await world.work();
    expect(await unreachedAddresses(world.deps.pool, id)).toEqual([]);
  });

  test('whose sender died before saying so is sent once more under the same id', async () => {
    const { id, admin } = await organization();
    await tell(id, 'low_balance');
    const dying = {
      ...world.deps,
      courier: {
        async deliver(message: (typeof world.mails)[number]) {
          world.mails.push(message);
          throw new Error('the process died');
        },
      },
    };
    await world.work(0);
    const [notice] = await world.deps.pool.query<{ id: string }>({
      text: 'SELECT id FROM notices.notices WHERE organization_id = $1',
      values: [id],
    });
    await announce(world.deps, id, notice?.id ?? '');
    const [mail] = await world.deps.pool.query<{ id: string }>({
      text: 'SELECT id FROM notices.mails WHERE organization_id = $1',
      values: [id],
    });
    await expect(deliverMail(dying, id, mail?.id ?? '')).rejects.toThrow('died');
    // Its lease holds: nobody else sends it meanwhile.
    await deliverDue(world.deps);
    expect(world.mailsTo(admin)).toHaveLength(1);
    await hurry();
    await Promise.all([deliverDue(world.deps), deliverDue(world.deps)]);
    const sent = world.mailsTo(admin);
    expect(sent).toHaveLength(2);
    expect(new Set(sent.map((one) => one.id)).size).toBe(1);
    expect(sent[0]).toEqual(sent[1]);
    expect(await states(id)).toEqual([[admin, 'sent']]);
  });
});

describe('who is told', () => {
  test('is by the roles of the moment, each address once', async () => {
    const { id, admin } = await organization();
    const billing = `bill${count++}@example.com`;
    const developer = `dev${count++}@example.com`;
    await world.member(id, billing, 'billing');
    await world.member(id, developer, 'developer');
    await tell(id, 'receipt');
    await world.work();
    expect(new Set(await states(id))).toEqual(
      new Set([
        [admin, 'sent'],
        [billing, 'sent'],
      ]),
    );
    await world.member(id, billing, 'user');
    await world.member(id, developer, 'billing');
    await tell(id, 'receipt');
    await world.work();
    expect(world.mailsTo(billing)).toHaveLength(1);
    expect(world.mailsTo(developer)).toHaveLength(1);
    expect(world.mailsTo(developer)[0]?.text).toContain('because you are Billing of Test');
  });

  test('of what somebody must know is never nobody', async () => {
    const { id, admin } = await organization();
    const { roles } = await readSettings(world.deps.pool, id);
    await choose(id, { roles: { ...roles, receipts: [], balance: [] } });
    await tell(id, 'low_balance');
    await tell(id, 'receipt');
    await world.work();
    expect(world.mailsTo(admin).map(({ subject }) => subject.split(':')[0])).toEqual([
      'Your receipt',
    ]);
  });

  test('can unsubscribe from what may be missed, by a link only they have, and come back', async () => {
    const { id, admin } = await organization();
    await tell(id, 'low_balance');
    await world.work();
    const [mail] = world.mailsTo(admin);
    const url = linkOf(mail?.text, '/notices?');
    expect(mail?.unsubscribeUrl).toBe(url.href);
    const invalid = { outcome: 'link_invalid' };
    expect(await follow(url, { address: 'bob@example.com' })).toEqual(invalid);
    expect(await follow(url, { topic: 'receipts' })).toEqual(invalid);
    expect(await follow(url, { signature: 'AAAA' })).toEqual(invalid);
    expect(await follow(url)).toEqual({ outcome: 'stopped', topic: 'balance' });
    expect(await follow(url)).toEqual({ outcome: 'stopped', topic: 'balance' });
    await tell(id, 'runway_short');
    await tell(id, 'out_of_credit');
    await world.work();
    expect(world.mailsTo(admin)).toHaveLength(2);
    expect(await resumeTopic(world.deps.pool, id, admin, 'balance')).toBe(true);
    await tell(id, 'runway_short');
    await world.work();
    expect(world.mailsTo(admin)).toHaveLength(3);
  });

  test('beside members are addresses whose owner agreed, and no others', async () => {
    const { id } = await organization();
    const address = `Accounts${count++}@Example.com`;
    const lower = address.toLowerCase();
    const add = (topics: string[]) =>
      world.deps.pool.transaction((tx) =>
        addAddress(world.deps, tx, { organizationId: id, address, topics, actor: 'user_ada' }),
      );
    expect(await add(['no such topic'])).toEqual({ outcome: 'no_topics' });
    expect(await add(['receipts'])).toEqual({ outcome: 'added', asked: true });
    await tell(id, 'receipt');
    await world.work();
    const [asking, ...more] = world.mailsTo(lower);
    expect(more).toEqual([]);
    expect(asking?.subject).toBe('Confirm that Bursar may write to you');
    expect(await follow(linkOf(asking?.text, '/notices?'))).toEqual({ outcome: 'confirmed' });
    await tell(id, 'receipt');
    await tell(id, 'low_balance');
    await world.work();
    expect(world.mailsTo(lower)).toHaveLength(2);
    expect(await add(['receipts', 'balance'])).toEqual({ outcome: 'added', asked: false });
    await tell(id, 'low_balance');
    await world.work();
    const last = world.mailsTo(lower).at(-1);
    expect(last?.subject).toContain('below');
    expect(await follow(linkOf(last?.text, 'do=stop'))).toEqual({ outcome: 'removed' });
    await tell(id, 'receipt');
    await world.work();
    expect(world.mailsTo(lower)).toHaveLength(3);
    expect(await dropAddress(world.deps.pool, id, lower)).toBe(false);
  });

  test('is not asked to agree again and again', async () => {
    const { id } = await organization();
    const address = `victim${count++}@example.com`;
    const outcomes: string[] = [];
    for (let times = 0; times < 4; times++) {
      const of = { organizationId: id, address, topics: ['receipts'], actor: 'user_ada' };
      const told = await world.deps.pool.transaction((tx) => addAddress(world.deps, tx, of));
      outcomes.push(told.outcome);
      await dropAddress(world.deps.pool, id, address);
    }
    expect(outcomes).toEqual(['added', 'added', 'added', 'too_many_confirmations']);
  });
});

describe('the daily summary', () => {
  test('holds what can wait, in one mail a day; what cannot comes at once', async () => {
    const { id, admin } = await organization();
    await choose(id, { digest: true });
    await tell(id, 'limit_step', { percent: 80 });
    await tell(id, 'key_expiring', { name: 'ci', days: 7 });
    await tell(id, 'out_of_credit');
    await world.work();
    expect(world.mailsTo(admin).map(({ subject }) => subject)).toEqual([
      'Your Bursar API access is turned off (Test)',
    ]);
    expect((await states(id)).filter(([, state]) => state === 'waiting')).toHaveLength(2);
    await world.reloads.later('1 day');
    await Promise.all([sendDigests(world.deps), sendDigests(world.deps)]);
    await world.work();
    await sendDigests(world.deps);
    await world.work();
    const [, digest, ...more] = world.mailsTo(admin);
    expect(more).toEqual([]);
    expect(digest?.subject).toBe('Your daily summary: 2 notices');
    expect(digest?.text).toContain('80% of its monthly spend limit');
    expect(digest?.text).toContain('“ci”');
    expect(digest?.text).toContain('No more mails about: Spend limits');
    expect(digest?.text).toContain('No more mails about: API keys that end');
    expect(digest?.unsubscribeUrl).toBeUndefined();
    expect((await states(id)).every(([, state]) => state === 'sent')).toBe(true);
  });
});

test('settings that make no sense are refused with their field', async () => {
  const { id } = await organization();
  const before = await readSettings(world.deps.pool, id);
  const field = async (changes: Partial<NoticeSettings>) => {
    const told = await storeSettings(world.deps.pool, id, { ...before, ...changes }, 'user_ada');
    return told.outcome === 'invalid' ? told.field : undefined;
  };
  expect(await field({ runwayDays: 0 })).toBe('runway_days');
  expect(await field({ runwayDays: 1.5 })).toBe('runway_days');
  expect(await field({ limitSteps: [80, 80] })).toBe('limit_steps');
  expect(await field({ limitSteps: [100] })).toBe('limit_steps');
  expect(await field({ roles: { ...before.roles, balance: ['user'] } })).toBe('roles');
  expect(await field({ lowBalance: null, limitSteps: [90, 50] })).toBeUndefined();
  expect((await readSettings(world.deps.pool, id)).limitSteps).toEqual([50, 90]);
});
