import { NANOS_PER_USD } from '#kernel/money';
import type { Band } from '#ledger/band';

/** Where an organization's credit stands. Persisted. `new` never had any. */
export const CREDIT_STATES = ['new', 'fine', 'low', 'out'] as const;
export type CreditState = (typeof CREDIT_STATES)[number];

/** With less than this left, a refused request means that access is off: little else would pass. */
export const REFUSED_BELOW = NANOS_PER_USD;
/** So much must come before access counts as back: a cent would be gone with the next request. */
export const RECOVERED_BY = NANOS_PER_USD;
/** A balance that moves around its mark is told of once: it counts as above from a tenth over it. */
const rearmedFrom = (mark: bigint): bigint => mark + (mark + 9n) / 10n;

export interface CreditLook {
  readonly state: CreditState;
  /** Usable grants less debt, in nano-USD. */
  readonly credit: bigint;
  /** What was left when access went off. */
  readonly outAt: bigint;
  /** The customer's mark; null where nothing is to be told. */
  readonly mark: bigint | null;
  /** A request was just refused for want of credit. */
  readonly refused: boolean;
  /** Credit left its band, so there was some even if it is gone by now. */
  readonly moved: boolean;
}

export interface CreditStep {
  readonly state: CreditState;
  readonly outAt: bigint;
  readonly tell: 'low_balance' | 'out_of_credit' | 'credit_recovered' | null;
  /** When to look again. */
  readonly band: Band;
}

/** From where credit stood to where it stands, what is told of it, and when to look again. Pure. */
export function stepCredit(look: CreditLook): CreditStep {
  const { state, tell } = moveOf(look);
  const outAt = state !== 'out' ? 0n : look.state === 'out' ? look.outAt : look.credit;
  return { state, outAt, tell, band: bandOf(state, look.mark, outAt) };
}

function moveOf(look: CreditLook): Pick<CreditStep, 'state' | 'tell'> {
  const { state, credit, mark } = look;
  const isOut = credit <= 0n || (look.refused && credit < REFUSED_BELOW);
  const isLow = mark !== null && credit < mark;
  if (state === 'new') {
    if (credit <= 0n && !look.moved) return { state, tell: null };
    if (isOut) return { state: 'out', tell: 'out_of_credit' };
    // What began below the mark never fell below it.
    return { state: isLow ? 'low' : 'fine', tell: null };
  }
  if (state === 'out') {
    if (credit < recoveredFrom(look.outAt)) return { state, tell: null };
    return { state: isLow ? 'low' : 'fine', tell: 'credit_recovered' };
  }
  if (isOut) return { state: 'out', tell: 'out_of_credit' };
  if (state === 'fine') {
    return isLow ? { state: 'low', tell: 'low_balance' } : { state, tell: null };
  }
  return mark !== null && credit < rearmedFrom(mark)
    ? { state, tell: null }
    : { state: 'fine', tell: null };
}

const recoveredFrom = (outAt: bigint): bigint => (outAt > 0n ? outAt : 0n) + RECOVERED_BY;

function bandOf(state: CreditState, mark: bigint | null, outAt: bigint): Band {
  if (state === 'new') return { below: null, from: 1n };
  if (state === 'out') return { below: null, from: recoveredFrom(outAt) };
  if (state === 'fine') return { below: mark ?? 1n, from: null };
  return { below: 1n, from: mark === null ? 1n : rearmedFrom(mark) };
}
