import { assert } from '#kernel/assert';
import type { GrantId } from '#kernel/ids';
import { type NanoUsd, sum } from '#kernel/money';
import { FLOWS, type Reason } from '#ledger/flows';

/** One move of money inside a transaction. */
export interface Line {
  readonly reason: Reason;
  readonly from: string;
  readonly to: string;
  readonly amount: NanoUsd;
}

const grantAccount = (id: GrantId): string => `grant:${id}`;

function line(reason: Reason, amount: NanoUsd, grant: GrantId | undefined): Line {
  const { from, to } = FLOWS[reason];
  const name = (kind: string): string => {
    if (kind !== 'grant') return kind;
    assert(grant !== undefined, `${reason} names its grant`);
    return grantAccount(grant);
  };
  return { reason, from: name(from), to: name(to), amount };
}

/** Drops moves of nothing: an entry of zero would say that something happened. */
const moving = (lines: readonly Line[]): Line[] => lines.filter((l) => l.amount > 0n);

/**
 * A succeeded payment becomes credit and tax. Money in equals credit plus tax, so the clearing
 * account is back at zero when the transaction ends.
 */
export const purchaseGranted = (grant: GrantId, credit: NanoUsd, tax: NanoUsd): Line[] =>
  moving([
    line('payment.received', sum([credit, tax]), undefined),
    line('credit.purchase', credit, grant),
    line('payment.tax', tax, undefined),
  ]);

/** Credit that nobody paid for. */
export const operatorGranted = (
  kind: 'promotional' | 'adjustment',
  grant: GrantId,
  credit: NanoUsd,
): Line[] => moving([line(`credit.${kind}`, credit, grant)]);
