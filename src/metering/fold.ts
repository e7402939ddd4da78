import type { Usage } from '#kernel/usage';
import {
  type Expectation,
  isObject,
  modelName,
  readUsage,
  type WireObject,
  type WireUsage,
} from './usage-wire.ts';

export type { Expectation } from './usage-wire.ts';

/**
 * What an upstream answer means for the bill: the rule that applies and the usage it is rated by.
 */
export type Folded =
  | {
      readonly chargeable: true;
      readonly rule: 'S1' | 'S2' | 'S4' | 'S9' | 'S14';
      readonly usage: Usage;
      readonly model: string;
    }
  | {
      readonly chargeable: false;
      readonly rule: 'S3' | 'S7' | 'S8' | 'S12';
      /** What is known of the cost the platform bears; null if nothing can be believed. */
      readonly usage: Usage | null;
      readonly model: string | null;
      /** For operators. Carries no content of the answer. */
      readonly reason: string;
    };

type ChargedRule = Extract<Folded, { chargeable: true }>['rule'];
type UnchargedRule = Extract<Folded, { chargeable: false }>['rule'];

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
export function foldMessage(body: unknown, expectation?: Expectation): Folded {
  if (!isObject(body) || body.type !== 'message') {
    return uncharged('S8', null, null, 'the answer is not a message');
  }
  const model = modelName(body.model);
  const stopReason = body.stop_reason;
  const wire = readUsage(body.usage, model, stopReason, expectation);
  if (stopReason === 'refusal' && !hasOutput(body.content)) return refused(wire, model);
  const rule = stopReason === 'refusal' ? 'S4' : completeRule('S1', expectation);
  return charged(rule, wire, model);
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

  /** What is known of an answer that broke off: for the operator's loss, never for a charge. */
  function partial(): Usage | null {
    const wire = readUsage(merged, model, stopReason, expectation);
    return wire.outcome === 'valid' ? wire.usage : null;
  }

  return {
    event(type, data) {
      if (stopped) return;
      if (type === 'content_block_delta') delivered = true;
      else if (type === 'message_start') start(data);
      else if (type === 'message_delta') delta(data);
      else if (type === 'message_stop') stopped = true;
      else if (type === 'error') errorSeen = true;
    },
    end(how) {
      if (errorSeen) return uncharged('S7', partial(), model, 'an error event ended the stream');
      if (typeof stopReason !== 'string') {
        if (stopped) return uncharged('S12', null, model, 'complete without a stop_reason');
        const cut = how === 'truncated' ? 'the stream was cut' : 'the stream ended early';
        return uncharged('S8', partial(), model, cut);
      }
      if (stopReason === 'refusal' && !delivered) return refused(current(), model);
      if (stopReason === 'refusal') return charged('S4', current(), model);
      return charged(stopped ? completeRule('S2', expectation) : 'S9', current(), model);
    },
    stopSeen: () => stopped,
  };
}

function mergeUsage(known: WireObject, delta: WireObject): WireObject {
  const told = Object.entries(delta).filter(([, value]) => value !== null && value !== undefined);
  return { ...known, ...Object.fromEntries(told) };
}

const tellsOutput = (usage: WireObject): boolean =>
  typeof usage.output_tokens === 'number' ||
  (Array.isArray(usage.iterations) && usage.iterations.length > 0);

/** S14: a request for no output warms the cache; it is complete like any other. */
const completeRule = (rule: 'S1' | 'S2', expectation: Expectation | undefined): ChargedRule =>
  expectation?.outputTokensMax === 0 ? 'S14' : rule;

/** A fallback marker or an empty text is a frame, not something the customer received. */
function hasOutput(content: unknown): boolean {
  if (!Array.isArray(content)) return false;
  return content.some((block: unknown) => {
    if (!isObject(block) || block.type === 'fallback') return false;
    return block.type !== 'text' || block.text !== '';
  });
}

function charged(rule: ChargedRule, wire: WireUsage, model: string | null): Folded {
  if (wire.outcome === 'implausible') return uncharged('S12', null, model, wire.reason);
  if (model === null)
    return uncharged('S12', null, null, 'the answer names no model that can be recorded');
  return { rule, chargeable: true, usage: wire.usage, model };
}

function refused(wire: WireUsage, model: string | null): Folded {
  const usage = wire.outcome === 'valid' ? wire.usage : null;
  return uncharged('S3', usage, model, 'declined before any output');
}

const uncharged = (
  rule: UnchargedRule,
  usage: Usage | null,
  model: string | null,
  reason: string,
): Folded => ({ rule, chargeable: false, usage, model, reason });
