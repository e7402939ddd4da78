import type { BlockRow, BlockScreen } from '#ledger/blocks-sql';

/** Accounts whose balance is a sum of entries; only some carry it on each entry. */
const FIXED = new Set(['dispute_frozen', 'customer_debt', 'receivable']);
const CLEARING = new Set(['stripe_clearing', 'refund_clearing']);
const carries = (account: string): boolean => account.startsWith('grant:') || FIXED.has(account);

/** What a block seals, and the transactions in it where something else happens than charging on. */
export interface BlockOutline extends Pick<BlockScreen, 'complete' | 'before' | 'after'> {
  readonly breaks: ReadonlySet<bigint>;
}

/**
 * Whether every rule on entries holds in a block: lines follow each other, flows are permitted,
 * each balance follows from the one before it and the last ones are those sealed. Between two of the
 * rows given are only charges that continue each other (see `screenBlocks`). False is no verdict:
 * who asks then reads every row.
 */
export function rowsAreSound(block: BlockOutline, rows: readonly BlockRow[]): boolean {
  if (!block.complete) return false;
  const balances = new Map(block.before.map(amountOf));
  /** The account that was charged last, if nothing else has touched it since. */
  let charged: string | undefined;
  let before: BlockRow | undefined;
  for (const row of rows) {
    if (!row.permitted || !follows(row, before)) return false;
    before = row;
    const { from_account: from, to_account: to, amount_nanos: amount } = row;
    if (row.charge && !block.breaks.has(row.transaction_no)) {
      if (from !== charged || row.from_balance_nanos === null) return false;
      balances.set(from, row.from_balance_nanos);
      continue;
    }
    if (!moves(balances, from, -amount, row.from_balance_nanos)) return false;
    if (!moves(balances, to, amount, row.to_balance_nanos)) return false;
    if (row.charge) charged = from;
    else if (from === charged || to === charged) charged = undefined;
  }
  return endsAs(balances, block.after);
}

const follows = (row: BlockRow, before: BlockRow | undefined): boolean =>
  row.transaction_no === before?.transaction_no ? row.line === before.line + 1 : row.line === 1;

/** Moves the balance, if the account has one; false if the entry says another. */
function moves(
  balances: Map<string, bigint>,
  account: string,
  delta: bigint,
  said: bigint | null,
): boolean {
  const carried = carries(account);
  if (!carried && !CLEARING.has(account)) return true;
  const balance = (balances.get(account) ?? 0n) + delta;
  balances.set(account, balance);
  return !carried || said === balance;
}

/** Zeros are not sealed. */
function endsAs(balances: ReadonlyMap<string, bigint>, sealed: readonly string[]): boolean {
  const left = [...balances].filter(([, balance]) => balance !== 0n);
  const after = new Map(sealed.map(amountOf));
  return left.length === after.size && left.every(([name, amount]) => after.get(name) === amount);
}

const amountOf = (text: string): [string, bigint] => {
  const space = text.lastIndexOf(' ');
  return [text.slice(0, space), BigInt(text.slice(space + 1))];
};
