import type { SettleCommand } from '#charging/commands';
import type { AdmittedCall } from '#gateway/admit';
import { least, type NanoUsd, nanos, ZERO } from '#kernel/money';
import type { Usage } from '#kernel/usage';
import type { Folded } from '#metering/fold';
import type { ChargeRule, RequestRecord } from '#metering/record';
import type { PriceBook } from '#pricing/book';
import { rate } from '#pricing/rate';

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

/** What to charge and what to write down. Pure: the rules of settlement in one place. */
export function verdict(
  book: PriceBook,
  call: AdmittedCall,
  ending: Ending,
  circumstances: Circumstances,
): Verdict {
  const decided = decide(book, call, ending);
  const { caller, requestId } = call;
  const record: RequestRecord = {
    apiKeyId: caller.apiKeyId,
    workspaceId: caller.workspaceId,
    model: decided.model ?? call.model,
    rule: decided.rule,
    usage: decided.usage,
    priceVersion: book.version,
    startedAt: call.at,
    clientDisconnected: circumstances.clientDisconnected,
    estimated: decided.estimated ?? false,
    quarantined: decided.quarantined !== undefined,
    upstreamStatus: circumstances.upstreamStatus,
    lossUsage: decided.loss ?? ZERO,
  };
  const command: SettleCommand = {
    organizationId: caller.organizationId,
    requestId,
    resolution: decided.cost === undefined ? 'void' : 'settle',
    cost: decided.cost ?? ZERO,
    record,
  };
  return { command, quarantined: decided.quarantined };
}

/** The same request given up: nothing is charged, what it would have cost is a loss of ours. */
export function writtenOff(command: SettleCommand): SettleCommand {
  const lossUsage = command.resolution === 'settle' ? command.cost : command.record.lossUsage;
  const record = { ...command.record, rule: 'S8', lossUsage } as const;
  return { ...command, resolution: 'void', cost: ZERO, record };
}

const NO_PRICE = 'the model that served has no price';

interface Decision {
  readonly rule: ChargeRule;
  readonly usage: Usage | null;
  readonly model?: string | null;
  /** Undefined: not charged, the hold is released whole. */
  readonly cost?: NanoUsd;
  readonly estimated?: boolean;
  /** Why a person must look at it. */
  readonly quarantined?: string;
  readonly loss?: NanoUsd;
}

function decide(book: PriceBook, call: AdmittedCall, ending: Ending): Decision {
  switch (ending.how) {
    case 'refused':
      return { rule: 'S6', usage: null };
    case 'truncated':
      return { rule: 'S8', usage: null };
    case 'unreadable':
      return { rule: 'S12', usage: null, quarantined: 'the answer is no JSON' };
    case 'answered':
      return ofAnswer(book, call, ending.folded);
    case 'abandoned':
      return ofEstimate(book, call, ending.folded, ending.outputTokens);
  }
}

function ofAnswer(book: PriceBook, call: AdmittedCall, folded: Folded): Decision {
  const { rule, usage, model } = folded;
  if (!folded.chargeable) {
    if (rule === 'S12') return { rule, usage, model, quarantined: folded.reason };
    // A refusal without output (S3) costs nobody anything; a broken answer (S7, S8) cost us.
    const lost = rule === 'S3' || usage === null ? ZERO : costOf(book, call, usage);
    return { rule, usage, model, loss: lost ?? ZERO };
  }
  const cost = costOf(book, call, folded.usage);
  // Served by a model the book does not know: never guessed, a person decides.
  if (cost === undefined) return { rule: 'S12', usage, model, quarantined: NO_PRICE };
  return { rule, usage, model, cost };
}

function ofEstimate(
  book: PriceBook,
  call: AdmittedCall,
  folded: Folded,
  outputTokens: number,
): Decision {
  if (folded.chargeable) return ofAnswer(book, call, folded);
  const [served, ...further] = folded.usage?.iterations ?? [];
  if (folded.usage === null || served === undefined) return { rule: 'S11', usage: null };
  const counted = { ...served, outputTokens: Math.max(served.outputTokens, outputTokens) };
  const usage: Usage = { ...folded.usage, iterations: [counted, ...further] };
  const cost = costOf(book, call, usage);
  const estimate = { rule: 'S11', usage, model: folded.model, estimated: true } as const;
  if (cost === undefined) return { ...estimate, quarantined: NO_PRICE };
  return { ...estimate, cost: nanos(least(cost, call.hold)) };
}

function costOf(book: PriceBook, call: AdmittedCall, usage: Usage): NanoUsd | undefined {
  const rated = rate(book, usage, call.at);
  return rated.outcome === 'rated' ? rated.amount : undefined;
}
