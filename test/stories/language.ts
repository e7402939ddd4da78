import { type NanoUsd, parseUsd } from '#kernel/money';
import { INSTANT } from './instant.ts';

/** A sentence of the story language. `<slot>` is a word of the writer's, `[…]` may be left out. */
interface Phrase {
  /** Who does it; expectations have none. */
  readonly who?: string;
  readonly form: string;
  readonly means: string;
}

/** Everything that can happen in a story. */
export const ACTIONS = {
  buys: {
    who: 'Acme',
    form: 'buys <amount>[ plus <tax> tax][ as <grant>][, paid <instant>]',
    means: 'a payment succeeds and becomes credit; what is owed is repaid first',
  },
  holds: {
    who: 'Acme',
    form: 'holds <amount> for <request>[ with <key>]',
    means: 'a request is admitted: its worst case is promised to it',
  },
  extends: {
    who: 'Acme',
    form: 'extends <request> to <amount>',
    means: 'a stream that runs on asks for a larger promise',
  },
  looks: { who: 'Acme', form: 'looks', means: 'nothing happens but the time' },
  used: { who: 'upstream', form: '<request> used <amount>', means: 'the request ends with a cost' },
  failed: {
    who: 'upstream',
    form: '<request> failed[ having used <amount>]',
    means: 'the request ends and is not charged (S3, S6, S7, S8)',
  },
  replays: {
    who: 'journal',
    form: 'books <request>, which used <amount> at <instant>',
    means: 'a settlement the store did not take in time is booked later',
  },
  gives: {
    who: 'operator',
    form: 'gives <amount> <kind>[ as <grant>][ until <instant>]',
    means: 'credit nobody paid for: promotional or adjustment',
  },
  voids: { who: 'operator', form: 'voids <grant>', means: 'takes back credit given by mistake' },
  refunds: {
    who: 'operator',
    form: 'refunds <part> of <grant>[ as <refund>]',
    means: 'gives unspent credit of a purchase back with its tax; "all" is all that is unspent',
  },
  limits: {
    who: 'operator',
    form: 'limits <subject> to <amount> a month[, <only>]',
    means: 'bounds what the holds of a calendar month may be charged',
  },
  lifts: { who: 'operator', form: 'lifts the limit of <subject>', means: 'removes that bound' },
  adds: {
    who: 'operator',
    form: 'adds <key> in <workspace>',
    means: 'a second key, to be limited',
  },
  revokes: { who: 'operator', form: 'revokes <key>', means: 'the key admits nothing new' },
  disputes: {
    who: 'bank',
    form: 'disputes <grant> as <dispute>',
    means: 'a chargeback opens: what is unspent of that purchase is frozen',
  },
  wins: { who: 'bank', form: 'lets <dispute> go', means: 'the chargeback is won by the operator' },
  loses: {
    who: 'bank',
    form: 'upholds <dispute>[ for <amount>]',
    means: 'the chargeback is lost: the payment, or that much credit of it, is gone',
  },
  pays: { who: 'processor', form: 'pays <refund> out', means: 'the refund reached the card' },
  bounces: {
    who: 'processor',
    form: 'cannot pay <refund> out',
    means: 'the refund did not reach the card, or came back from it',
  },
  sends: {
    who: 'processor',
    form: 'sends back <amount> of <grant> as <refund>',
    means: 'a refund made there unasked, tax included: what is not unspent any more is owed',
  },
  overturns: {
    who: 'bank',
    form: 'overturns <dispute>, so <amount> of <grant> come back as <again>',
    means: 'a verdict is turned around: what was taken is credit again, debt first',
  },
  dies: {
    who: 'platform',
    form: 'loses the process of <request>',
    means: 'nobody renews the lease of the hold any more, and it passes',
  },
  sweeps: { who: 'job', form: 'frees lapsed holds', means: 'books that leases have passed' },
  books: {
    who: 'job',
    form: 'books what has stopped[, <twice>]',
    means: 'books the rest of grants that expired, are frozen or were voided',
  },
} as const satisfies Record<string, Phrase & { readonly who: string }>;

/** Everything that can be expected after a row. */
export const EXPECTATIONS = {
  available: { form: 'available <amount>', means: 'what the next request may use' },
  asOf: {
    form: 'available <amount> as of <instant>',
    means: 'by when things took effect, whenever they were recorded',
  },
  asKnown: {
    form: 'available <amount> as known at <instant>',
    means: 'by what had been recorded then',
  },
  held: { form: 'held <amount>', means: 'what open holds have promised' },
  frozen: { form: 'frozen <amount>', means: 'what disputes keep from being used' },
  debt: { form: 'debt <amount>', means: 'what Acme owes' },
  has: { form: '<grant> has <amount>', means: 'what is left of one grant' },
  expires: {
    form: '<grant> expires <instant>',
    means: 'the first instant at which it cannot be used',
  },
  charged: { form: 'charged <amount>', means: 'what the request of this row cost Acme' },
  paid: { form: '<grant> pays <amount>', means: "that grant's share of the charge" },
  late: { form: 'late', means: 'the settlement is flagged: its lease had passed' },
  booked: {
    form: 'books <reason> <amount>',
    means: 'an entry of this row; all of them are listed',
  },
  quiet: { form: 'books nothing', means: 'this row made no entry' },
  total: {
    form: '<account> <amount> in all',
    means: 'the sum of all entries of Acme on an account of the platform',
  },
  refused: { form: 'refused because <outcome>', means: 'it was not done, and why' },
  answer: { form: 'answer <outcome>', means: 'it was done before, and says so' },
} as const satisfies Record<string, Phrase>;

export type ActionName = keyof typeof ACTIONS;
export type ExpectationName = keyof typeof EXPECTATIONS;

const USD = String.raw`\$\d+(?:\.\d{1,9})?`;
const NAME = '[A-Za-z][A-Za-z0-9]*';
const KEY = 'key [A-Za-z0-9]+';
const WORKSPACE = 'workspace [A-Za-z0-9]+';

const SLOTS: Readonly<Record<string, string>> = {
  amount: USD,
  tax: USD,
  part: `all|${USD}`,
  instant: INSTANT,
  kind: 'promotional|adjustment',
  grant: NAME,
  again: NAME,
  request: NAME,
  refund: NAME,
  dispute: NAME,
  key: KEY,
  workspace: WORKSPACE,
  subject: `the organization|${WORKSPACE}|${KEY}`,
  only: 'notify only',
  twice: 'twice at once',
  reason: String.raw`[a-z]+\.[a-z_]+`,
  account: '(?:revenue|breakage|overrun|loss|tax|promotion|clearing|refunds)',
  outcome: '[a-z][a-z ]*',
};

/** The words of one sentence by their slots. */
export class Words {
  readonly #slots: ReadonlyMap<string, string>;

  constructor(slots: ReadonlyMap<string, string>) {
    this.#slots = slots;
  }

  maybe(slot: string): string | undefined {
    return this.#slots.get(slot);
  }

  word(slot: string): string {
    const word = this.#slots.get(slot);
    if (word === undefined) throw new Error(`this sentence has no <${slot}>`);
    return word;
  }

  maybeAmount(slot: string): NanoUsd | undefined {
    const word = this.#slots.get(slot);
    return word === undefined ? undefined : parseUsd(word.slice(1));
  }

  amount(slot = 'amount'): NanoUsd {
    const amount = parseUsd(this.word(slot).slice(1));
    if (amount === undefined) throw new Error(`not an amount: ${this.word(slot)}`);
    return amount;
  }
}

/** The pattern of a form. Slots become groups; brackets become optional parts. */
function patternOf(form: string): RegExp {
  const pattern = form
    .replaceAll(/\[([^\]]*)\]/g, '(?:$1)?')
    .replaceAll(/<(\w+)>/g, (_, slot: string) => `(?<${slot}>${SLOTS[slot] ?? '$.'})`);
  return new RegExp(`^${pattern}$`);
}

interface Reader<Name extends string> {
  readonly name: Name;
  readonly who: string | undefined;
  readonly pattern: RegExp;
}

const readers = <Name extends string>(phrases: Record<Name, Phrase>): Reader<Name>[] =>
  namesOf(phrases).map((name) => ({
    name,
    who: phrases[name].who,
    pattern: patternOf(phrases[name].form),
  }));

function namesOf<Name extends string>(phrases: Record<Name, Phrase>): Name[] {
  const names: Name[] = [];
  for (const name in phrases) names.push(name);
  return names;
}

const ACTION_READERS = readers<ActionName>(ACTIONS);
const EXPECTATION_READERS = readers<ExpectationName>(EXPECTATIONS);

export interface Sentence<Name extends string> {
  readonly name: Name;
  readonly words: Words;
}

export type Action = Sentence<ActionName>;
export type Expectation = Sentence<ExpectationName>;

function read<Name extends string>(from: readonly Reader<Name>[], text: string) {
  return from.flatMap(({ name, who, pattern }) => {
    const match = pattern.exec(text);
    if (match === null) return [];
    const slots = Object.entries(match.groups ?? {}).flatMap(([slot, word]): [string, string][] =>
      word === undefined ? [] : [[slot, word]],
    );
    return [{ name, who, words: new Words(new Map(slots)) }];
  });
}

/** What somebody does, or why that is not understood. */
export function readAction(who: string, text: string): Action | { readonly error: string } {
  const can = ACTION_READERS.filter((reader) => reader.who === who);
  if (can.length === 0) return { error: `nobody is called "${who}"` };
  const [action] = read(can, text);
  if (action !== undefined) return action;
  const [other] = read(ACTION_READERS, text);
  if (other !== undefined) return { error: `"${text}" is done by ${other.who}, not by ${who}` };
  const forms = can.map(({ name }) => `  ${ACTIONS[name].form}`).join('\n');
  return { error: `"${text}" is nothing ${who} can do, which is\n${forms}` };
}

/** What is expected, or why that is not understood. */
export function readExpectation(text: string): Expectation | { readonly error: string } {
  const [expectation] = read(EXPECTATION_READERS, text);
  return expectation ?? { error: `"${text}" is nothing that can be expected` };
}
