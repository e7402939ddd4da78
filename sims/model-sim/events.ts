import type { Answer } from './answer.ts';

/**
 * How a stream is over: properly, by a broken connection, or not until the client goes: in silence
 * or with a ping now and then.
 */
export type Ending = 'end' | 'destroy' | 'silence' | 'pings';

export interface StreamPlan {
  /** Complete `event:`/`data:` blocks, in order. */
  readonly events: readonly string[];
  readonly ending: Ending;
  /** Each of these is a write of its own, instead of the events. */
  readonly writes?: readonly Buffer[];
}

/** The events of an answer, in the parts that faults move about. */
export interface Parts {
  readonly start: string;
  /** Blocks before the text, and the text's own beginning with a ping. */
  readonly opening: readonly string[];
  readonly deltas: readonly string[];
  /** The end of the text, and blocks after it. */
  readonly closing: readonly string[];
  readonly delta: string;
  readonly stop: string;
}

export function messageStart(answer: Answer): string {
  const message = {
    id: answer.id,
    type: 'message',
    role: 'assistant',
    model: answer.model,
    content: [],
    stop_reason: null,
    stop_sequence: null,
    stop_details: null,
    container: null,
    ...(answer.startUsage === null ? {} : { usage: answer.startUsage }),
  };
  return event('message_start', { message });
}

export function messageDelta(answer: Answer): string {
  const delta = {
    stop_reason: answer.stopReason,
    stop_sequence: answer.stopReason === 'stop_sequence' ? 'stop' : null,
    stop_details: answer.stopDetails,
    container: answer.container,
  };
  return event('message_delta', {
    delta,
    ...(answer.usage === null ? {} : { usage: answer.usage }),
  });
}

export function event(type: string, fields: Readonly<Record<string, unknown>>): string {
  return `event: ${type}\ndata: ${JSON.stringify({ type, ...fields })}\n\n`;
}

export const ping = event('ping', {});
