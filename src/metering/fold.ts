import { Fault } from '#kernel/assert';
import { isObject } from '#kernel/json';
import type { Usage } from '#kernel/usage';
import type { Expectation } from './attempts.ts';
import { type AnswerFacts, ruleFor } from './rules.ts';
import { readUsage, type WireUsage } from './usage-wire.ts';
import { modelName, type WireObject } from './wire.ts';

export type { Expectation } from './attempts.ts';

/**
 * What an upstream answer means for the bill: the rule that applies and the usage it is rated by.
 */
export type Folded =
  | {
      readonly chargeable: true;
      readonly rule: 'S1' | 'S2' | 'S4' | 'S9' | 'S14' | 'S18';
      readonly usage: Usage;
      readonly model: string;
    }
  | {
      readonly chargeable: false;
      readonly rule: 'S3' | 'S7' | 'S8' | 'S12' | 'S18';
      /** What is known of the cost the platform bears; null if nothing can be believed. */
      readonly usage: Usage | null;
      readonly model: string | null;
      /** For operators. Carries no content of the answer. */
      readonly reason: string;
    };

export interface StreamFold {
  /** `data` is the parsed JSON of the event; it is read for metered events only. */
  event(type: string, data: unknown): void;
  /** The stream has ended: by itself, or cut by a timeout, a reset or a limit. */
  end(how: 'complete' | 'truncated'): Folded;
  stopSeen(): boolean;
}

/**
 * Folds the body of a 200 JSON answer (S1, S3, S4, S12, S14). Without an expectation only absolute
 * limits are checked.
 */
export const foldMessage = (body: unknown, expectation?: Expectation): Folded =>
  foldBody(body, 'json', expectation);

/** Folds the message of a batch item that succeeded: the same, at batch prices whatever it says (S18). */
export function foldBatchMessage(body: unknown, expectation?: Expectation): Folded {
  const folded = foldBody(body, 'batch item', expectation);
  const { usage } = folded;
  if (usage === null) return folded;
  return { ...folded, usage: { ...usage, serviceTier: 'batch' } };
}

function foldBody(
  body: unknown,
  form: 'json' | 'batch item',
  expectation: Expectation | undefined,
): Folded {
  const message = isObject(body) && body.type === 'message' ? body : {};
  const { stop_reason: stopReason = null } = message;
  const model = modelName(message.model);
  return decide(readUsage(message.usage, model, stopReason, expectation), model, {
    form,
    isMessage: message === body,
    errorSeen: false,
    stopReason,
    finished: true,
    delivered: hasOutput(message.content),
    warmsCache: expectation?.outputTokensMax === 0,
  });
}

/**
 * Folds the events of a stream (S2–S4, S7–S9, S12). Usage in a `message_delta` is cumulative: its
 * fields replace those known before when present and non-null, they are never added.
 */
export function streamFold(expectation?: Expectation): StreamFold {
  let started = false;
  let model: string | null = null;
  let merged: WireObject = {};
  let finalUsage = false; // A delta told the output; the start alone only knows its first token.
  let brokenReason: string | null = null;
  let stopReason: unknown = null;
  let delivered = false;
  let errorSeen = false;
  let stopped = false;

  function start(data: unknown): void {
    if (started || !isObject(data) || !isObject(data.message)) return;
    started = true;
    const { message } = data;
    model = modelName(message.model);
    if (isObject(message.usage)) merged = message.usage;
  }

  function delta(data: unknown): void {
    if (!isObject(data)) return;
    const change = isObject(data.delta) ? data.delta : {};
    const reason = change.stop_reason ?? stopReason;
    if (data.usage !== undefined && data.usage !== null) {
      const next = isObject(data.usage) ? mergeUsage(merged, data.usage) : null;
      const wire = readUsage(next, model, reason, expectation);
      if (wire.outcome === 'implausible') {
        // A finished answer with believable usage stays what it was (F43).
        if (finalUsage && stopReason !== null) return;
        brokenReason = wire.reason;
      } else {
        merged = next ?? merged;
        if (isObject(data.usage) && tellsOutput(data.usage)) finalUsage = true;
        if (finalUsage) brokenReason = null;
      }
    }
    stopReason = reason;
  }

  function current(): WireUsage {
    if (brokenReason !== null) return { outcome: 'implausible', reason: brokenReason };
    if (!finalUsage) return { outcome: 'implausible', reason: 'no final usage arrived' };
    return readUsage(merged, model, stopReason, expectation);
  }

  return {
    event(type, data) {
      if (stopped) return;
      if (type === 'content_block_delta') delivered = true;
      else if (type === 'content_block_start') delivered ||= opensWithOutput(data);
      else if (type === 'message_start') start(data);
      else if (type === 'message_delta') delta(data);
      else if (type === 'message_stop') stopped = true;
      else if (type === 'error') errorSeen = true;
    },
    end(how) {
      const complete = !errorSeen && typeof stopReason === 'string';
      // What is known of an answer that broke off: for the operator's loss, never for a charge.
      const wire = complete ? current() : readUsage(merged, model, stopReason, expectation);
      return decide(
        wire,
        model,
        {
          form: 'stream',
          isMessage: true,
          errorSeen,
          stopReason,
          finished: stopped,
          delivered,
          warmsCache: expectation?.outputTokensMax === 0,
        },
        how,
      );
    },
    stopSeen: () => stopped,
  };
}

/** The rule for an answer, and what of its usage it leaves. */
function decide(
  wire: WireUsage,
  model: string | null,
  facts: Omit<AnswerFacts, 'usageBelievable'>,
  how: 'complete' | 'truncated' = 'complete',
): Folded {
  const usage = wire.outcome === 'valid' ? wire.usage : null;
  // Iterations may all name their models where the answer names none.
  const nameless = usage !== null && model === null;
  const rule = ruleFor({ ...facts, usageBelievable: usage !== null && !nameless });
  const uncharged = { rule, chargeable: false, model } as const;
  switch (rule) {
    case 'S3': {
      const reason = 'declined before any output';
      return { ...uncharged, rule, usage: usage === null ? null : unbilled(usage), reason };
    }
    case 'S7':
      return { ...uncharged, rule, usage, reason: 'an error event ended the stream' };
    case 'S8':
      return { ...uncharged, rule, usage, reason: brokenOff(facts, how) };
    case 'S12':
      return { ...uncharged, rule, usage: null, reason: unbelievable(wire, facts) };
    default:
      if (usage === null || model === null) throw new Fault(`${rule} without usage`);
      return { rule, chargeable: true, usage, model };
  }
}

const unbilled = (usage: Usage): Usage => ({
  ...usage,
  iterations: usage.iterations.map((attempt) => ({ ...attempt, billed: false })),
});

function brokenOff(facts: Pick<AnswerFacts, 'isMessage'>, how: 'complete' | 'truncated'): string {
  if (!facts.isMessage) return 'the answer is not a message';
  return how === 'truncated' ? 'the stream was cut' : 'the stream ended early';
}

function unbelievable(
  wire: WireUsage,
  { isMessage, form, stopReason }: Omit<AnswerFacts, 'usageBelievable'>,
): string {
  if (!isMessage) return 'the answer is not a message';
  if (form === 'stream' && typeof stopReason !== 'string') return 'complete without a stop_reason';
  if (wire.outcome === 'implausible') return wire.reason;
  return 'the answer names no model that can be recorded';
}

function mergeUsage(known: WireObject, delta: WireObject): WireObject {
  const told = Object.entries(delta).filter(([, value]) => value !== null && value !== undefined);
  return { ...known, ...Object.fromEntries(told) };
}

const tellsOutput = (usage: WireObject): boolean =>
  typeof usage.output_tokens === 'number' ||
  (Array.isArray(usage.iterations) && usage.iterations.length > 0);

const hasOutput = (content: unknown): boolean => Array.isArray(content) && content.some(isOutput);

const opensWithOutput = (data: unknown): boolean => isObject(data) && isOutput(data.content_block);

/**
 * A fallback marker or an empty block is a frame, not something the customer received. Thinking that
 * is not shown comes as its signature alone.
 */
function isOutput(block: unknown): boolean {
  if (!isObject(block)) return false;
  switch (block.type) {
    case 'fallback':
      return false;
    case 'text':
      return block.text !== '';
    case 'thinking':
      return block.thinking !== '' || (block.signature ?? '') !== '';
    default:
      return true;
  }
}
