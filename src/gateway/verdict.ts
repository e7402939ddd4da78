import type { SettleCommand } from '#charging/commands';
import type { AdmittedCall } from '#gateway/admit';
import type { CostShare, NotedAttempt } from '#gateway/upstream';
import type { RequestId } from '#kernel/ids';
import { divideHalfEven, least, type NanoUsd, nanos, ZERO } from '#kernel/money';
import type { Usage } from '#kernel/usage';
import { estimatedUsage } from '#metering/estimate';
import type { Folded } from '#metering/fold';
import type { RequestRecord } from '#metering/record';
import type { ChargeRule } from '#metering/rules';
import { costOfFailed, type UpstreamAttempt } from '#metering/upstream-attempts';
import { packLines } from '#pricing/lines';
import { type Rated, rate } from '#pricing/rate';

/** How one call to the upstream ended, as far as money is concerned. */
export type Ending =
  /** An answer arrived, whole or not; what is in it decides (S1–S5, S7–S9, S12). */
  | { readonly how: 'answered'; readonly folded: Folded }
  /** No answer to charge for: an error status, a redirect, no connection (S6). */
  | { readonly how: 'refused' }
  /** An answer broke off before it said anything of its usage (S8). */
  | { readonly how: 'truncated' }
  /** Something complete that is not a message (S12). */
  | { readonly how: 'unreadable' }
  /** Nobody reads any more and the budget for reading on is spent (S11). */
  | { readonly how: 'abandoned'; readonly folded: Folded; readonly outputTokens: number };

export interface Circumstances {
  readonly upstreamStatus: number | null;
  readonly clientDisconnected: boolean;
  /** The upstreams asked, the one that answered last. */
  readonly attempts?: readonly NotedAttempt[];
  /** Other clients joined: retries that were not executed. */
  readonly adopted?: boolean;
  readonly retryOf?: RequestId | null;
}

/** A command to book, and why a person must look at it, if one must. */
export interface Verdict {
  readonly command: SettleCommand;
  /** Set for every quarantined record. For logs: no content, and no word of the upstream's. */
  readonly quarantined: string | undefined;
}

/**
 * What to charge and what to write down. Pure: the rules of settlement in one place. Prices are
 * those the call was admitted at (F88).
 */
export function verdict(call: AdmittedCall, ending: Ending, circumstances: Circumstances): Verdict {
  const decided = decide(call, ending);
  const { caller, requestId } = call;
  const { charge } = decided;
  const { attempts = [] } = circumstances;
  const bookCost = charge?.rated.upstreamCost ?? decided.lost?.upstreamCost ?? null;
  const upstreamCost = bookCost === null ? null : shareOf(bookCost, attempts.at(-1)?.costShare);
  const record: RequestRecord = {
    apiKeyId: caller.apiKeyId,
    workspaceId: caller.workspaceId,
    model: decided.model ?? call.model,
    rule: decided.rule,
    usage: decided.usage,
    lines: charge === undefined ? null : packLines(charge.rated),
    listAmount: charge?.rated.listAmount ?? null,
    upstreamCost,
    priceVersion: call.prices.book.version,
    startedAt: call.at,
    clientDisconnected: circumstances.clientDisconnected,
    estimated: decided.estimated ?? false,
    quarantined: decided.quarantined !== undefined,
    upstreamStatus: circumstances.upstreamStatus,
    lossUsage: decided.lost?.amount ?? ZERO,
    ...(attempts.length === 0 ? {} : { upstreamAttempts: costed(attempts, upstreamCost) }),
    adopted: circumstances.adopted ?? false,
    retryOf: circumstances.retryOf ?? null,
  };
  const command: SettleCommand = {
    organizationId: caller.organizationId,
    requestId,
    resolution: charge === undefined ? 'void' : 'settle',
    cost: charge?.cost ?? ZERO,
    record,
  };
  return { command, quarantined: decided.quarantined };
}

/** An upstream may ask less or more than the book says, to the nano-USD. */
const shareOf = (cost: NanoUsd, share: CostShare | undefined): NanoUsd =>
  share === undefined ? cost : nanos(divideHalfEven(cost * share.numerator, share.denominator));

const costed = (attempts: readonly NotedAttempt[], answerCost: NanoUsd | null): UpstreamAttempt[] =>
  attempts.map(({ costShare: _, ...attempt }) => ({
    ...attempt,
    cost: attempt.outcome === 'answered' ? answerCost : costOfFailed(attempt.outcome),
  }));

/** The same request given up: nothing is charged, what it would have cost is a loss of ours. */
export function writtenOff(command: SettleCommand): SettleCommand {
  const lossUsage = command.resolution === 'settle' ? command.cost : command.record.lossUsage;
  const uncharged = { rule: 'S8', lines: null, listAmount: null } as const;
  const record = { ...command.record, ...uncharged, lossUsage };
  return { ...command, resolution: 'void', cost: ZERO, record };
}

const NO_PRICE = 'the model that served has no price';
const OUT_OF_RANGE = 'the usage costs more than can be booked';

type Priced = Extract<Rated, { outcome: 'rated' }>;

interface Decision {
  readonly rule: ChargeRule;
  readonly usage: Usage | null;
  readonly model?: string | null;
  /** Undefined: not charged, the hold is released whole. */
  readonly charge?: { readonly cost: NanoUsd; readonly rated: Priced };
  readonly estimated?: boolean;
  /** Why a person must look at it. */
  readonly quarantined?: string;
  /** What known usage would have cost that nobody pays for. */
  readonly lost?: Priced;
}

function decide(call: AdmittedCall, ending: Ending): Decision {
  switch (ending.how) {
    case 'refused':
      return { rule: 'S6', usage: null };
    case 'truncated':
      return { rule: 'S8', usage: null };
    case 'unreadable':
      return { rule: 'S12', usage: null, quarantined: 'the answer is no JSON' };
    case 'answered':
      return ofAnswer(call, ending.folded);
    case 'abandoned':
      return ofAbandoned(call, ending.folded, ending.outputTokens);
  }
}

function ofAnswer(call: AdmittedCall, folded: Folded): Decision {
  const { rule, usage, model } = folded;
  if (!folded.chargeable) {
    if (rule === 'S12') return { rule, usage, model, quarantined: folded.reason };
    // A refusal without output (S3) costs nobody anything; a broken answer (S7, S8) cost us.
    if (usage === null || rule === 'S3') return { rule, usage, model };
    const lost = priced(call, usage);
    return typeof lost === 'string' ? { rule, usage, model } : { rule, usage, model, lost };
  }
  const rated = priced(call, folded.usage);
  // Served by a model the book does not know: never guessed, a person decides.
  if (typeof rated === 'string') return { rule: 'S12', usage, model, quarantined: rated };
  return { rule, usage, model, charge: { cost: rated.amount, rated } };
}

/** S11: an answer that nobody read to its end. */
function ofAbandoned(call: AdmittedCall, folded: Folded, outputTokens: number): Decision {
  const usage = estimatedUsage(folded, outputTokens);
  if (usage === undefined) return ofAnswer(call, folded);
  if (usage === null) return { rule: 'S11', usage: null };
  const rated = priced(call, usage);
  const estimate = { rule: 'S11', usage, model: folded.model, estimated: true } as const;
  if (typeof rated === 'string') return { ...estimate, quarantined: rated };
  return { ...estimate, charge: { cost: nanos(least(rated.amount, call.hold)), rated } };
}

/** A text says why it cannot be priced. */
function priced(call: AdmittedCall, usage: Usage): Priced | string {
  const { book, terms } = call.prices;
  const rated = rate(book, usage, call.at, terms);
  switch (rated.outcome) {
    case 'rated':
      return rated;
    case 'model_not_priced':
      return NO_PRICE;
    case 'amount_out_of_range':
      return OUT_OF_RANGE;
  }
}
