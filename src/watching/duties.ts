import type { NoticeKind } from '#notices/kinds';

/** What somebody must do so that requests are not refused, in the order in which it is shown. */
export const DUTIES = ['buy', 'low', 'access', 'payments', 'reload', 'notice', 'card'] as const;
export type Duty = (typeof DUTIES)[number];

export const DUTY_TITLES: Readonly<Record<Duty, string>> = {
  buy: 'May buy credits',
  low: 'Told when credits run low',
  access: 'Told when API access is turned off',
  payments: 'Told when a payment or a reload fails',
  reload: 'Looks after auto-reload',
  notice: 'Would notice in time while auto-reload is off',
  card: 'A card that can be charged',
};

/** Duties of being told, and of what. The kinds of one duty are of one topic. */
export const TOLD_DUTIES = {
  low: ['low_balance'],
  access: ['out_of_credit'],
  payments: ['payment_failed', 'reload_failed'],
} as const satisfies Partial<Record<Duty, readonly NoticeKind[]>>;
export type ToldDuty = keyof typeof TOLD_DUTIES;

export type State = 'ok' | 'weak' | 'nobody';

/** Where it is put right. */
export type Fix = 'members' | 'notices' | 'reload' | 'cards';

export interface FindingRow {
  readonly state: State;
  readonly sentence: string;
  readonly fix: Fix | null;
}

const ok = (sentence: string): FindingRow => ({ state: 'ok', sentence, fix: null });
const weak = (fix: Fix, sentence: string): FindingRow => ({ state: 'weak', sentence, fix });
const nobody = (fix: Fix, sentence: string): FindingRow => ({ state: 'nobody', sentence, fix });

/** Everything that can be found about a duty. */
export const FINDINGS = {
  buyers: ok('More than one person may buy.'),
  one_buyer: weak('members', 'Only one person may buy: while they are away, nobody can.'),
  no_buyer: nobody('members', 'Nobody may buy: once credits have run out, requests stay refused.'),

  told: ok('More than one is told.'),
  one_told: weak('notices', 'Only one is told: add a second person, or an address of your team.'),
  only_program: weak('notices', 'Only a program is told, and no person.'),
  only_unreached: weak('notices', 'Our last mails to all who are told could not be delivered.'),
  nobody_told: nobody('notices', 'Nobody is told.'),
  no_mark: nobody(
    'notices',
    'No amount and no number of days is set, so nobody is told before credits have run out.',
  ),

  owned: ok('Whoever switched it on or changed it last is here, and may change it.'),
  owner_left: weak(
    'reload',
    'Whoever looked after it is no longer a member. Save its settings to take it over.',
  ),
  owner_may_not: weak(
    'reload',
    'Whoever looked after it may no longer buy. Save its settings to take it over.',
  ),
  owner_program: weak(
    'reload',
    'A program or the operator changed it last, so no member looks after it.',
  ),
  reload_paused: weak('reload', 'It is paused, and buys nothing until that has ended.'),
  owner_nobody: nobody(
    'members',
    'Whoever looked after it cannot change it any more, and nobody else can.',
  ),

  noticed: ok('Somebody who may buy is told while there still are credits.'),
  noticed_late: weak('notices', 'Nobody is told before requests are refused.'),
  noticed_by_others: weak('notices', 'None of those who are told in time may buy.'),
  unnoticed: nobody('notices', 'Nobody would notice that credits run out.'),

  card_good: ok('It is good for more than 30 days.'),
  card_not_needed: ok('None is saved, and none is needed: whoever buys enters one.'),
  card_ending: weak('cards', 'The card ends within 30 days.'),
  card_ended: weak('cards', 'The saved card has ended: whoever buys must enter another one.'),
  card_resting: weak('cards', 'The bank refused the card, so it is not charged for a while.'),
  card_none: nobody('cards', 'Auto-reload is on, and has no default card to charge.'),
  card_unfit: nobody('cards', 'Auto-reload is on, and may not charge the default card.'),
  card_refused: nobody('cards', 'Auto-reload is paused: it cannot charge the default card.'),
} as const satisfies Record<string, FindingRow>;

export type FindingName = keyof typeof FINDINGS;

/** The row of a finding, as every other: its literal type is of no use to a reader. */
export const findingOf = (name: FindingName): FindingRow => FINDINGS[name];
