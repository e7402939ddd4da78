import { formatUsd, nanos } from '#kernel/money';
import { readBalanceAsOf } from '#ledger/as-of';
import { type Balance, type GrantView, readBalance } from '#ledger/balance';
import { readHold } from '#ledger/holds';
import { parseInstant } from './instant.ts';
import type { Expectation, ExpectationName, Words } from './language.ts';
import type { Row } from './story.ts';
import type { Done, StoryWorld } from './world.ts';

/** Outcomes that say a command was carried out now. */
const CARRIED_OUT = new Set([
  'done',
  'issued',
  'held',
  'settled',
  'voided',
  'frozen',
  'released',
  'seized',
  'refunding',
  'paid',
  'returned',
]);

interface View {
  readonly world: StoryWorld;
  readonly row: Row;
  readonly done: Done;
  readonly balance: Balance;
  /** "reason amount" of every entry this row made, sorted. */
  readonly booked: readonly string[];
}

/** What is there, in the words of the expectation. */
type Look = (view: View, words: Words) => Promise<string> | string;

const usd = (amount: bigint): string => `$${formatUsd(nanos(amount))}`;

function grantOf({ world, balance }: View, words: Words): GrantView {
  const id = world.grant(words.word('grant'));
  const grant = balance.grants.find((one) => one.id === id);
  if (grant === undefined) throw new Error(`${words.word('grant')} is not on the balance`);
  return grant;
}

const outcomeOf = ({ done }: View): string => done.outcome.replaceAll('_', ' ');

/** Accounts of the platform by their names in stories; the sign makes the usual case positive. */
const ACCOUNTS: Readonly<Record<string, { readonly account: string; readonly sign: bigint }>> = {
  revenue: { account: 'revenue', sign: 1n },
  breakage: { account: 'breakage', sign: 1n },
  overrun: { account: 'operator_overrun', sign: -1n },
  loss: { account: 'operator_upstream_loss', sign: -1n },
  tax: { account: 'tax_payable', sign: 1n },
  promotion: { account: 'promo_expense', sign: -1n },
  clearing: { account: 'stripe_clearing', sign: 1n },
  refunds: { account: 'refund_clearing', sign: 1n },
};

async function totalOf({ world }: View, words: Words): Promise<string> {
  const { account = '', sign = 1n } = ACCOUNTS[words.word('account')] ?? {};
  const [row] = await world.pool.query<{ total: string }>({
    text: `SELECT coalesce(sum(delta_nanos), 0)::text AS total FROM ledger.legs
            WHERE organization_id = $1 AND account = $2`,
    values: [world.payer.organizationId, account],
  });
  return usd(sign * BigInt(row?.total ?? '0'));
}

async function shareOf({ world, done }: View, words: Words): Promise<string> {
  const hold =
    done.request === undefined
      ? undefined
      : await readHold(world.pool, world.payer.organizationId, done.request);
  const id = world.grant(words.word('grant'));
  const parts = (hold?.grants ?? []).filter((part) => part.id === id);
  return usd(parts.reduce((total, part) => total + part.amount, 0n));
}

async function availableAt(
  { world, row }: View,
  words: Words,
  by: 'effective' | 'recorded',
): Promise<string> {
  const at = parseInstant(words.word('instant'), row.at);
  if (at === undefined) throw new Error(`no such time: ${words.word('instant')}`);
  const { organizationId } = world.payer;
  return usd((await readBalanceAsOf(world.pool, organizationId, at, by)).available);
}

const sameAmount = (words: Words): string => usd(words.amount());

/** For each expectation: what is written in the story, and what is there. */
const LOOKS: Readonly<
  Record<
    ExpectationName,
    { readonly says: (words: Words, row: Row) => string; readonly sees: Look }
  >
> = {
  available: { says: sameAmount, sees: ({ balance }) => usd(balance.available) },
  asOf: { says: sameAmount, sees: (view, words) => availableAt(view, words, 'effective') },
  asKnown: { says: sameAmount, sees: (view, words) => availableAt(view, words, 'recorded') },
  held: { says: sameAmount, sees: ({ balance }) => usd(balance.held) },
  frozen: { says: sameAmount, sees: ({ balance }) => usd(balance.frozen) },
  debt: { says: sameAmount, sees: ({ balance }) => usd(balance.debt) },
  has: { says: sameAmount, sees: (view, words) => usd(grantOf(view, words).remaining) },
  expires: {
    says: (words, row) => String(parseInstant(words.word('instant'), row.at)?.toISOString()),
    sees: (view, words) => grantOf(view, words).expiresAt.toISOString(),
  },
  charged: {
    says: sameAmount,
    sees: ({ done }) => (done.charged === undefined ? 'no charge' : usd(done.charged)),
  },
  paid: { says: sameAmount, sees: shareOf },
  late: {
    says: () => 'late',
    sees: ({ done }) => ((done.flags ?? []).includes('late') ? 'late' : 'in time'),
  },
  booked: { says: () => '', sees: () => '' },
  quiet: { says: () => '', sees: () => '' },
  total: { says: sameAmount, sees: totalOf },
  refused: { says: (words) => words.word('outcome'), sees: outcomeOf },
  answer: { says: (words) => words.word('outcome'), sees: outcomeOf },
};

/** Everything in which a row turned out otherwise than it says; empty if it is as told. */
export async function differences(
  world: StoryWorld,
  row: Row,
  done: Done,
  booked: readonly string[],
): Promise<string[]> {
  const balance = await readBalance(world.pool, world.payer.organizationId);
  const view: View = { world, row, done, balance, booked };
  const found: string[] = [];
  for (const expectation of row.expectations) {
    const { words } = expectation;
    const { says, sees } = LOOKS[expectation.name];
    const said = says(words, row);
    const seen = await sees(view, words);
    if (said !== seen) found.push(`${labelOf(expectation)} ${said}, but it is ${seen}`);
  }
  const expects = (name: ExpectationName) => row.expectations.some((one) => one.name === name);
  if (!CARRIED_OUT.has(done.outcome) && !expects('refused') && !expects('answer')) {
    found.push(`it was not done: ${outcomeOf(view)}`);
  }
  if (expects('booked') || expects('quiet')) found.push(...entriesApart(row, booked));
  return found;
}

const labelOf = ({ name, words }: Expectation): string =>
  [words.maybe('grant'), words.maybe('account'), name, words.maybe('instant')]
    .filter((part) => part !== undefined)
    .join(' ');

/** Entries are listed completely or not at all: what is not in the story must not be booked. */
function entriesApart(row: Row, booked: readonly string[]): string[] {
  const said = row.expectations
    .filter((one) => one.name === 'booked')
    .map(({ words }) => `${words.word('reason')} ${usd(words.amount())}`)
    .sort();
  const same = said.length === booked.length && said.every((entry, i) => entry === booked[i]);
  return same
    ? []
    : [`entries: ${said.join(', ') || 'none'}, but booked: ${booked.join(', ') || 'none'}`];
}

/** Entries of the organization after a transaction, as a story writes them, and the last number. */
export async function entriesAfter(
  world: StoryWorld,
  transaction: bigint,
): Promise<{ readonly booked: string[]; readonly last: bigint }> {
  const rows = await world.pool.query<{ reason: string; amount: bigint; number: bigint }>({
    text: `SELECT reason, amount_nanos AS amount, transaction_no AS number FROM ledger.entries
            WHERE organization_id = $1 AND transaction_no > $2`,
    values: [world.payer.organizationId, transaction],
  });
  const last = rows.reduce((most, row) => (row.number > most ? row.number : most), transaction);
  return { booked: rows.map((row) => `${row.reason} ${usd(row.amount)}`).sort(), last };
}
