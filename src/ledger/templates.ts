import { assert } from '#kernel/assert';
import type { GrantId } from '#kernel/ids';
import { type NanoUsd, sum, ZERO } from '#kernel/money';
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
 * account is back at zero when the transaction ends. What the customer owes is paid from the credit.
 */
export const purchaseGranted = (
  grant: GrantId,
  credit: NanoUsd,
  tax: NanoUsd,
  repaid: NanoUsd,
): Line[] =>
  moving([
    line('payment.received', sum([credit, tax]), undefined),
    line('credit.purchase', credit, grant),
    line('payment.tax', tax, undefined),
    line('debt.repaid', repaid, grant),
  ]);

/** Credit that nobody paid for. */
export const operatorGranted = (
  kind: 'promotional' | 'adjustment',
  grant: GrantId,
  credit: NanoUsd,
): Line[] => moving([line(`credit.${kind}`, credit, grant)]);

/** Credit given by mistake goes back to where it came from. */
export const grantVoided = (grant: GrantId, unspent: NanoUsd): Line[] =>
  moving([line('credit.void', unspent, grant)]);

/** A dispute opened: what is unspent is neither spendable nor taken. */
export const creditFrozen = (grant: GrantId, unspent: NanoUsd): Line[] =>
  moving([line('dispute.freeze', unspent, grant)]);

/** A dispute was won: exactly what was frozen comes back. */
export const freezeReleased = (grant: GrantId, frozen: NanoUsd): Line[] =>
  moving([line('dispute.release', frozen, grant)]);

export interface Seizure {
  /** From what is frozen. */
  readonly seized: NanoUsd;
  /** What was spent, and what open holds still need: the customer owes it. */
  readonly debt: NanoUsd;
  /** What had expired: the customer never had it, so it is not taken twice (F60). */
  readonly breakage: NanoUsd;
  readonly tax: NanoUsd;
  /** Frozen but not claimed. */
  readonly released: NanoUsd;
}

/** A dispute was lost: what the processor withdrew is found piece by piece; clearing ends at zero. */
export const freezeSeized = (grant: GrantId, s: Seizure): Line[] =>
  moving([
    line('dispute.seize', s.seized, undefined),
    line('dispute.debt', s.debt, undefined),
    line('dispute.breakage', s.breakage, undefined),
    line('dispute.tax', s.tax, undefined),
    line('dispute.withdrawn', sum([s.seized, s.debt, s.breakage, s.tax]), undefined),
    line('dispute.release', s.released, grant),
  ]);

/** Unspent credit and its tax leave the customer and wait for the processor. */
export const refundRequested = (grant: GrantId, credit: NanoUsd, tax: NanoUsd): Line[] =>
  moving([line('refund.credit', credit, grant), line('refund.tax', tax, undefined)]);

export const refundPaidOut = (credit: NanoUsd, tax: NanoUsd): Line[] =>
  moving([line('refund.paid', sum([credit, tax]), undefined)]);

/** Undoes a refund; one that was paid comes back from the processor first. */
export const refundReturned = (
  grant: GrantId,
  credit: NanoUsd,
  tax: NanoUsd,
  wasPaid: boolean,
): Line[] =>
  moving([
    line('refund.bounced', wasPaid ? sum([credit, tax]) : ZERO, undefined),
    line('refund.returned', credit, grant),
    line('refund.tax_returned', tax, undefined),
  ]);
