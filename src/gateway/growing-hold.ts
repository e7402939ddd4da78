import type { ExtendOutcome } from '#charging/commands';
import { climbDown, LEAST_TOKENS, SLICE_TOKENS } from '#gateway/hold-rungs';
import { within } from '#gateway/in-time';
import type { Clock } from '#kernel/clock';
import { type NanoUsd, nanos } from '#kernel/money';
import { coverOf, outputCovered, type Slices } from '#pricing/slice';

export type Unextended = Exclude<ExtendOutcome, { outcome: 'held' }>;

/** A hold that is raised slice by slice while its stream runs (H5). */
export interface GrowingHold {
  readonly amount: NanoUsd;
  /** Asks for the next slice if it is time to, so that the stream need not wait for it. */
  lookAhead(outputTokens: number): void;
  /** Resolves once `needed` is held, or with why it is not. Never rejects. */
  raise(needed: NanoUsd, outputTokens: number): Promise<Unextended | undefined>;
}

export interface GrowingHoldOptions {
  readonly slices: Slices;
  readonly amount: NanoUsd;
  readonly extend: (toAmount: NanoUsd) => Promise<ExtendOutcome>;
  readonly clock: Clock;
  readonly onFailure: (error: unknown) => void;
  /** How long a stream may stand still for a store that does not answer, in ms. */
  readonly patienceMs: number;
}

/** The next slice is asked for when half of this one is left. */
const AHEAD_TOKENS = SLICE_TOKENS / 2;
const RETRY_MS = 100;
const UNAVAILABLE = { outcome: 'ledger_unavailable' } as const;

export function growingHold(options: GrowingHoldOptions): GrowingHold {
  const { slices, clock, patienceMs } = options;
  let amount = options.amount;
  let asking: Promise<ExtendOutcome> | undefined;
  // A slice was refused: what is held is used up before anything is asked for again.
  let short = false;

  async function extend(toAmount: NanoUsd): Promise<ExtendOutcome> {
    try {
      const answer = await options.extend(toAmount);
      if (answer.outcome === 'held' && toAmount > amount) amount = toAmount;
      return answer;
    } catch (error) {
      options.onFailure(error);
      return UNAVAILABLE;
    }
  }

  /** One question at a time. */
  function ask(wanted: NanoUsd, enough: NanoUsd): Promise<ExtendOutcome> {
    const rungs = [wanted, enough] as const;
    const held = amount;
    const asked = extend(wanted)
      .then((answer) => climbDown({ amount: wanted, answer }, rungs, held, extend))
      .then(({ answer }) => answer)
      .finally(() => {
        short = amount < wanted;
        asking = undefined;
      });
    asking = asked;
    return asked;
  }

  async function raise(needed: NanoUsd, outputTokens: number): Promise<Unextended | undefined> {
    const untilMs = clock.elapsedMs() + patienceMs;
    const bounded = (answer: Promise<ExtendOutcome>): Promise<ExtendOutcome> =>
      within(answer, Math.max(1, untilMs - clock.elapsedMs())).catch(() => UNAVAILABLE);
    // What is asked for already may do.
    if (asking !== undefined) await bounded(asking);
    while (amount < needed) {
      if (asking !== undefined) return UNAVAILABLE;
      const next = coverOf(slices, outputTokens + SLICE_TOKENS);
      const answer = await bounded(ask(next > needed ? next : needed, needed));
      if (amount >= needed || answer.outcome === 'held') continue;
      if (answer.outcome !== 'ledger_unavailable') return answer;
      if (clock.elapsedMs() + RETRY_MS >= untilMs) return answer;
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
    return undefined;
  }

  return {
    get amount() {
      return amount;
    },
    lookAhead(outputTokens) {
      if (asking !== undefined || short) return;
      const covered = outputCovered(slices, amount);
      if (covered - outputTokens > AHEAD_TOKENS) return;
      const wanted = coverOf(slices, outputTokens + SLICE_TOKENS);
      const enough = coverOf(slices, covered + LEAST_TOKENS);
      if (wanted > amount) void ask(wanted, enough < wanted ? enough : nanos(amount + 1n));
    },
    raise,
  };
}
