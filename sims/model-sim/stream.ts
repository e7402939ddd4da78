import type { Answer } from './answer.ts';
import type { Scenario } from './scenario.ts';

/** How a stream is over: properly, by a broken connection, or by silence until the client goes. */
export type Ending = 'end' | 'destroy' | 'silence';

export interface StreamPlan {
  /** Complete `event:`/`data:` blocks, in order. */
  readonly events: readonly string[];
  readonly ending: Ending;
}

const chunksDefaultMax = 40;
const deltaHead =
  'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,' +
  '"delta":{"type":"text_delta","text":';
const blockStart = event('content_block_start', {
  index: 0,
  content_block: { type: 'text', text: '' },
});
const ping = event('ping', {});
const blockStop = event('content_block_stop', { index: 0 });
const messageStop = event('message_stop', {});
const overloaded = event('error', { error: { type: 'overloaded_error', message: 'Overloaded' } });

/** Decides the whole stream before its first byte, so that pacing and faults are only a walk. */
export function planStream(answer: Answer, scenario: Scenario): StreamPlan {
  const deltas = cut(answer.text, scenario.numbers.get('chunks'));
  const partial = deltas.slice(0, scenario.numbers.get('after') ?? Math.ceil(deltas.length / 2));
  const opening = [messageStart(answer), ...(answer.text === '' ? [] : [blockStart, ping])];
  const closing = answer.text === '' ? [] : [blockStop];
  switch (scenario.name) {
    case 'cut_midstream':
      return { events: [...opening, ...partial], ending: 'destroy' };
    case 'hang':
      return { events: [...opening, ...partial], ending: 'silence' };
    case 'overloaded_midstream':
      return { events: [...opening, ...partial, overloaded], ending: 'end' };
    case 'refusal_midstream':
      return {
        events: [...opening, ...partial, ...closing, messageDelta(answer), messageStop],
        ending: 'end',
      };
    case 'no_stop': {
      const told = scenario.numbers.get('message_delta') === 0 ? [] : [messageDelta(answer)];
      return { events: [...opening, ...deltas, ...closing, ...told], ending: 'end' };
    }
    default:
      return {
        events: [...opening, ...deltas, ...closing, messageDelta(answer), messageStop],
        ending: 'end',
      };
  }
}

function messageStart(answer: Answer): string {
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

function messageDelta(answer: Answer): string {
  const delta = {
    stop_reason: answer.stopReason,
    stop_sequence: null,
    stop_details: answer.stopDetails,
    container: null,
  };
  return event('message_delta', {
    delta,
    ...(answer.usage === null ? {} : { usage: answer.usage }),
  });
}

/** Cuts the text into deltas: as many as asked, else about one for every four words. */
function cut(text: string, asked: number | undefined): string[] {
  if (text === '') return [];
  const wanted = asked ?? Math.min(chunksDefaultMax, Math.ceil(text.length / 20));
  const pieces = Math.max(1, Math.min(wanted, text.length));
  const deltas: string[] = [];
  for (let index = 0; index < pieces; index += 1) {
    const from = Math.floor((index * text.length) / pieces);
    const to = Math.floor(((index + 1) * text.length) / pieces);
    deltas.push(`${deltaHead}${JSON.stringify(text.slice(from, to))}}}\n\n`);
  }
  return deltas;
}

function event(type: string, fields: Readonly<Record<string, unknown>>): string {
  return `event: ${type}\ndata: ${JSON.stringify({ type, ...fields })}\n\n`;
}
