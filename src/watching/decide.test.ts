import { describe, expect, test } from 'vitest';
import { kindOf } from '#notices/kinds';
import type { Recipient } from '#notices/recipients';
import type { Member } from '#orgs/watched';
import { type Answer, decideWatching, worstOf } from './decide.ts';
import { type Duty, FINDINGS, type FindingName, findingOf, TOLD_DUTIES } from './duties.ts';
import type { Facts } from './facts.ts';
import { tellWatching } from './told.ts';

const NOW = new Date('2026-11-21T12:00:00Z');
const ada: Member = { email: 'ada@example.com', role: 'admin' };
const bob: Member = { email: 'bob@example.com', role: 'billing' };
const dev: Member = { email: 'dev@example.com', role: 'developer' };
const reaching = (...members: Member[]): Recipient[] =>
  members.map(({ email, role }) => ({ address: email, reachedAs: role }));

const CARD: Facts['cards'][number] = {
  ...{ brand: 'visa', last4: '4242', expMonth: 11, expYear: 2028, restsUntil: null },
  ...{ isDefault: true, chargeable: true },
};
const both = reaching(ada, bob);
/** Two who may buy and are told, auto-reload on, a good card. */
const WELL: Facts = {
  ...{ now: NOW, members: [ada, bob, dev], unreached: new Set(), endpoints: [], marked: true },
  told: { low: both, access: both, payments: both },
  reload: { enabled: true, paused: null, actors: [{ by: 'person', email: ada.email }] },
  cards: [CARD],
};
const off = { enabled: false, paused: null, actors: [] };

const answerTo = (duty: Duty, facts: Facts): Answer | undefined =>
  decideWatching(facts).find((one) => one.duty === duty);
const found = (duty: Duty, changes: Partial<Facts>): FindingName | undefined =>
  answerTo(duty, { ...WELL, ...changes })?.finding;
const told = (duty: 'low' | 'access' | 'payments', ...who: Recipient[]): Partial<Facts> => ({
  told: { ...WELL.told, [duty]: who },
});

describe('who may buy', () => {
  test('several, one, nobody', () => {
    expect(found('buy', {})).toBe('buyers');
    expect(found('buy', { members: [ada, dev] })).toBe('one_buyer');
    expect(found('buy', { members: [dev] })).toBe('no_buyer');
  });
});

describe.each(['low', 'access', 'payments'] as const)('who is told: %s', (duty) => {
  const url = 'https://hooks.example.com/in?secret=1';
  const everything = { url, eventTypes: [], works: true };

  test('several, one, nobody', () => {
    expect(found(duty, {})).toBe('told');
    expect(found(duty, told(duty, ...reaching(ada)))).toBe('one_told');
    expect(found(duty, told(duty))).toBe('nobody_told');
  });

  test('whom mails do not reach is named, and counts for nothing', () => {
    expect(found(duty, { unreached: new Set([bob.email]) })).toBe('one_told');
    const unreached = new Set([ada.email, bob.email]);
    expect(found(duty, { unreached })).toBe('only_unreached');
    const { watchers } = answerTo(duty, { ...WELL, unreached }) ?? { watchers: [] };
    expect(watchers.map(({ note }) => note)).toEqual(['unreached', 'unreached']);
  });

  test('a program beside a person is a second one, and alone it is none', () => {
    const one = told(duty, ...reaching(ada));
    expect(found(duty, { ...one, endpoints: [everything] })).toBe('told');
    expect(found(duty, { ...told(duty), endpoints: [everything] })).toBe('only_program');
    const broken = { ...everything, works: false };
    expect(found(duty, { ...one, endpoints: [broken] })).toBe('one_told');
  });

  test('a program is told what it asks for, all of it', () => {
    const asks = (...eventTypes: string[]): Partial<Facts> => ({
      ...told(duty, ...reaching(ada)),
      endpoints: [{ ...everything, eventTypes }],
    });
    const events = TOLD_DUTIES[duty].map((kind) => kindOf(kind).event ?? '');
    expect(found(duty, asks(...events, 'api_key.paused'))).toBe('told');
    expect(found(duty, asks(...events.slice(1), 'api_key.paused'))).toBe('one_told');
  });

  test('kinds of one duty are of one topic, and programs are told all of them', () => {
    const kinds = TOLD_DUTIES[duty].map((kind) => kindOf(kind));
    expect(new Set(kinds.map(({ topic }) => topic)).size).toBe(1);
    expect(kinds.map(({ event }) => event)).not.toContain(null);
  });
});

test('without any mark nobody is told in time, whoever would be', () => {
  expect(found('low', { marked: false })).toBe('no_mark');
});

describe('who stands for auto-reload', () => {
  const by = (...actors: Facts['reload']['actors']): Partial<Facts> => ({
    reload: { ...WELL.reload, actors },
  });
  const left = { by: 'person', email: 'gone@example.com' } as const;
  const cannot = { by: 'person', email: dev.email } as const;
  const person = { by: 'person', email: ada.email } as const;

  test('who is here and may buy, whether they changed it last or switched it on', () => {
    expect(found('reload', by(person))).toBe('owned');
    expect(found('reload', by(left, person))).toBe('owned');
  });

  test('who left, who lost the role, who was a program', () => {
    expect(found('reload', by(left))).toBe('owner_left');
    expect(found('reload', by(cannot))).toBe('owner_may_not');
    expect(found('reload', by({ by: 'program' }))).toBe('owner_program');
    expect(found('reload', by({ by: 'operator' }))).toBe('owner_program');
  });

  test('nobody, where nobody else may change it either', () => {
    expect(found('reload', { ...by(left), members: [dev] })).toBe('owner_nobody');
  });

  test('a pause is said, since nothing is bought in it', () => {
    const reload = { ...WELL.reload, paused: 'dispute' } as const;
    expect(found('reload', { reload })).toBe('reload_paused');
    expect(found('card', { reload })).toBe('card_good');
  });
});

describe('who would notice while auto-reload is off', () => {
  test('is asked instead of who stands for it', () => {
    expect(decideWatching(WELL).map(({ duty }) => duty)).not.toContain('notice');
    expect(decideWatching({ ...WELL, reload: off }).map(({ duty }) => duty)).not.toContain(
      'reload',
    );
  });

  test('somebody who is told in time and may buy', () => {
    expect(found('notice', { reload: off })).toBe('noticed');
    const others = told('low', ...reaching(dev), { address: 'team@x.org', reachedAs: 'address' });
    expect(found('notice', { reload: off, ...others })).toBe('noticed_by_others');
  });

  test('only once it is too late, or nobody', () => {
    expect(found('notice', { reload: off, ...told('low') })).toBe('noticed_late');
    expect(found('notice', { reload: off, marked: false })).toBe('noticed_late');
    const nobody = { told: { low: [], access: [], payments: [] } };
    expect(found('notice', { reload: off, ...nobody })).toBe('unnoticed');
    const unreached = new Set([ada.email, bob.email]);
    expect(found('notice', { reload: off, unreached })).toBe('only_unreached');
  });
});

describe('a card that can be charged', () => {
  const card = (changes: Partial<Facts['cards'][number]>): Partial<Facts> => ({
    cards: [{ ...CARD, ...changes }],
  });

  test('ends 30 days after the last moment at which it is good for longer', () => {
    const ends = card({ expMonth: 12, expYear: 2026 });
    expect(found('card', { ...ends, now: new Date('2026-12-01T23:59:59Z') })).toBe('card_good');
    expect(found('card', { ...ends, now: new Date('2026-12-02T00:00:00Z') })).toBe('card_ending');
    const last = new Date('2026-12-31T23:59:59Z');
    expect(found('card', { ...ends, now: last })).toBe('card_ending');
  });

  test('auto-reload needs a default one that it may charge, and that was not refused', () => {
    expect(found('card', { cards: [] })).toBe('card_none');
    expect(found('card', card({ isDefault: false }))).toBe('card_none');
    expect(found('card', card({ chargeable: false }))).toBe('card_unfit');
    expect(found('card', card({ restsUntil: NOW }))).toBe('card_resting');
    const reload = { ...WELL.reload, paused: 'card_declined' } as const;
    expect(found('card', { reload })).toBe('card_refused');
  });

  test('buying needs none, and one good one is enough', () => {
    const ended = { ...CARD, expMonth: 1, expYear: 2026 };
    expect(found('card', { reload: off, cards: [] })).toBe('card_not_needed');
    expect(found('card', { reload: off, cards: [ended] })).toBe('card_ended');
    expect(found('card', { reload: off, cards: [ended, CARD] })).toBe('card_good');
  });
});

describe('the whole', () => {
  test('is as good as the worst of it', () => {
    expect(worstOf(decideWatching(WELL))).toBe('ok');
    expect(worstOf(decideWatching({ ...WELL, members: [ada] }))).toBe('weak');
    expect(worstOf(decideWatching({ ...WELL, members: [ada], cards: [] }))).toBe('nobody');
  });

  test('one person alone is told that calmly', () => {
    const alone = reaching(ada);
    const facts = { ...WELL, members: [ada], told: { low: alone, access: alone, payments: alone } };
    const viewer = { email: ada.email, seesMembers: true };
    expect(tellWatching(decideWatching(facts), viewer).summary).toContain('one person alone');
  });

  test('names are for who sees members, and each person’s own for that person', () => {
    const endpoints = [{ url: 'https://h.example.com/s3cret', eventTypes: [], works: true }];
    const gone = { by: 'person', email: 'gone@example.com' } as const;
    const reload = { ...WELL.reload, actors: [gone] };
    const team = { address: 'team@example.com', reachedAs: 'address' };
    const facts = { ...WELL, endpoints, reload, ...told('low', ...both, team) };
    const all = JSON.stringify(
      tellWatching(decideWatching(facts), { email: ada.email, seesMembers: true }),
    );
    expect(all).toContain('gone@example.com');
    expect(all).toContain('h.example.com');
    expect(all).not.toContain('s3cret');
    const few = JSON.stringify(
      tellWatching(decideWatching(facts), { email: bob.email, seesMembers: false }),
    );
    expect(few.match(/[\w.]+@[\w.]+|h\.example\.com/g)).toEqual(
      [...few.matchAll(/bob@example\.com/g)].map(String),
    );
    expect(few).toContain(bob.email);
  });

  test('every flaw says where it is put right, and what is well asks for nothing', () => {
    const names = Object.keys(FINDINGS).filter((name): name is FindingName => name in FINDINGS);
    for (const name of names) {
      const { state, fix, sentence } = findingOf(name);
      expect([name, fix === null]).toEqual([name, state === 'ok']);
      expect(sentence).toMatch(/^[A-Z].*\.$/);
    }
  });
});
