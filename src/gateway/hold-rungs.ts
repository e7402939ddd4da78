import type { ExtendOutcome, HoldOutcome } from '#charging/commands';
import { least, type NanoUsd, nanos, ZERO } from '#kernel/money';
import type { HoldPolicy } from '#orgs/hold-policy';
import { coverOf, type Slices } from '#pricing/slice';

/** `full`: the bound of the whole request. `slice`: its input and a first slice of output. */
export type Start = 'full' | 'full_or_slice' | 'slice';

/** What is held before a request is sent. Only a stream can be ended in the middle. */
export const STARTS: Readonly<
  Record<HoldPolicy, { readonly whole: Start; readonly stream: Start }>
> = {
  full: { whole: 'full', stream: 'full' },
  auto: { whole: 'full', stream: 'full_or_slice' },
  sliced: { whole: 'full', stream: 'slice' },
};

/**
 * Sizes in tokens of output as they are counted on their way, where each byte may be one: a slice is
 * about 2,000 tokens of prose, half a minute of a fast model. Less than the least is not begun.
 */
export const SLICE_TOKENS = 8_192;
export const LEAST_TOKENS = 1_024;

/** Amounts that would do, from the one that is wanted down to the least that is of use. */
export type Rungs = readonly [NanoUsd, ...NanoUsd[]];

/** To begin with. */
export const firstRungs = (slices: Slices): Rungs => [
  coverOf(slices, SLICE_TOKENS),
  coverOf(slices, LEAST_TOKENS),
];

export interface Asked<A> {
  readonly amount: NanoUsd;
  readonly answer: A;
}

/** Others may take what an answer said was available; so often it is tried nevertheless. */
const TRIES_MAX = 4;

/**
 * Asks for less where what was asked for is refused for credit or a limit. `before` is the first
 * question and its answer, `held` what the request has already.
 */
export async function climbDown<A extends HoldOutcome | ExtendOutcome>(
  before: Asked<A>,
  rungs: Rungs,
  held: NanoUsd,
  ask: (amount: NanoUsd) => Promise<A>,
): Promise<Asked<A>> {
  let last = before;
  for (let tries = 1; tries < TRIES_MAX; tries++) {
    const amount = rungBelow(last, rungs, held);
    if (amount === undefined) break;
    last = { amount, answer: await ask(amount) };
  }
  return last;
}

/** The most that a refusal leaves; undefined if that is less than the least, or nothing is refused. */
function rungBelow(
  { amount, answer }: Asked<HoldOutcome | ExtendOutcome>,
  rungs: Rungs,
  held: NanoUsd,
): NanoUsd | undefined {
  const lower = rungs.filter((rung) => rung < amount);
  if (answer.outcome === 'limit_reached') return lower[0];
  if (answer.outcome !== 'insufficient_credit') return undefined;
  const room = nanos(held + answer.available);
  const fits = lower.find((rung) => rung <= room);
  // Below the last but one, all there is: it is better spent than left over.
  return fits !== undefined && fits === rungs.at(-1) ? least(room, nanos(amount - 1n)) : fits;
}

/** A request that is about to begin: how, and what it could have to hold. */
export interface Beginning {
  readonly start: Start;
  readonly full: NanoUsd;
  /** Undefined for a request that cannot be sliced. Looked up only where it is needed. */
  readonly slices: () => Slices | undefined;
}

export interface Begun extends Asked<HoldOutcome> {
  /** Of a hold that is less than the whole bound. */
  readonly slices: Slices | undefined;
  /** Of a request that was refused for its size: the least it could have begun with. */
  readonly least: NanoUsd;
}

/** Asks for what the request may begin with, and says what it got. */
export async function begin(
  { start, full, slices: slicesOf }: Beginning,
  ask: (amount: NanoUsd) => Promise<HoldOutcome>,
): Promise<Begun> {
  const whole = start === 'slice' ? undefined : { amount: full, answer: await ask(full) };
  if (whole !== undefined && (start === 'full' || !isTooMuch(whole.answer))) {
    return { ...whole, slices: undefined, least: full };
  }
  const slices = slicesOf();
  if (slices === undefined) {
    return { ...(whole ?? { amount: full, answer: await ask(full) }), slices, least: full };
  }
  const rungs = firstRungs(slices);
  const first = whole ?? { amount: rungs[0], answer: await ask(rungs[0]) };
  const { amount, answer } = await climbDown(first, rungs, ZERO, ask);
  const least = rungs.at(-1) ?? full;
  if (answer.outcome !== 'insufficient_credit') {
    return { amount, answer, slices: amount < full ? slices : undefined, least };
  }
  // The least that would have done is what the customer needs to know.
  return { amount, answer: { ...answer, required: least }, slices, least };
}

/** Refused for its size: less might do. */
export const isTooMuch = ({ outcome }: HoldOutcome | ExtendOutcome): boolean =>
  outcome === 'insufficient_credit' || outcome === 'limit_reached';
