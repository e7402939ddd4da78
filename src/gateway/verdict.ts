import type { SettleCommand } from '#charging/commands';
import type { AdmittedCall } from '#gateway/admit';
import { least, type NanoUsd, nanos, ZERO } from '#kernel/money';
import type { Usage } from '#kernel/usage';
import type { Folded } from '#metering/fold';
import type { RequestRecord } from '#metering/record';
import type { ChargeRule } from '#metering/rules';
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
  const record: RequestRecord = {
    apiKeyId: caller.apiKeyId,
    workspaceId: caller.workspaceId,
    model: decided.model ?? call.model,
    rule: decided.rule,
    usage: decided.usage,
    lines: charge === undefined ? null : packLines(charge.rated),
    listAmount: charge?.rated.listAmount ?? null,
    upstreamCost: charge?.rated.upstreamCost ?? decided.lost?.upstreamCost ?? null,
    priceVersion: call.prices.book.version,
    startedAt: call.at,
    clientDisconnected: circumstances.clientDisconnected,
    estimated: decided.estimated ?? false,
    quarantined: decided.quarantined !== undefined,
    upstreamStatus: circumstances.upstreamStatus,
    lossUsage: decided.lost?.amount ?? ZERO,
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

/**
 * S11: an answer that nobody read to its end. One that had already said how it ended, or failed,
 * is not estimated.
 */
function ofAbandoned(call: AdmittedCall, folded: Folded, outputTokens: number): Decision {
  if (folded.rule !== 'S8') return ofAnswer(call, folded);
  if (folded.usage === null) return { rule: 'S11', usage: null };
  const usage = withOutput(folded.usage, outputTokens);
  const rated = priced(call, usage);
  const estimate = { rule: 'S11', usage, model: folded.model, estimated: true } as const;
  if (typeof rated === 'string') return { ...estimate, quarantined: rated };
  return { ...estimate, charge: { cost: nanos(least(rated.amount, call.hold)), rated } };
}

/** The output counted on its way, as that of the last attempt at the answer. */
function withOutput(usage: Usage, outputTokens: number): Usage {
  const answering = usage.iterations.findLastIndex(
    ({ kind }) => kind === 'message' || kind === 'fallback_message',
  );
  const iterations = usage.iterations.map((attempt, index) =>
    index === answering
      ? { ...attempt, outputTokens: Math.max(attempt.outputTokens, outputTokens) }
      : attempt,
  );
  return { ...usage, iterations };
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
