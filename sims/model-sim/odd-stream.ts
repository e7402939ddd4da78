import type { Answer } from './answer.ts';
import { event, messageDelta, messageStart, type Parts, type StreamPlan } from './events.ts';
import type { Scenario, ScenarioName } from './scenario.ts';

/** Streams that are complete and yet not as they should be: repeated, late or unknown events. */
const odd: ReadonlySet<ScenarioName> = new Set([
  'odd_bytes',
  'double_start',
  'double_delta',
  'decreasing_usage',
  'after_stop',
  'unknown_events',
  'truncated_json',
]);

export const isOdd = ({ name }: Scenario): boolean => odd.has(name);

const lineEnds: ReadonlyMap<string, string> = new Map([
  ['lf', '\n'],
  ['crlf', '\r\n'],
  ['cr', '\r'],
]);

export function planOdd(answer: Answer, scenario: Scenario, parts: Parts): StreamPlan {
  const { start, opening, deltas, closing, delta, stop } = parts;
  const text = [...opening, ...deltas, ...closing];
  const ending = 'end' as const;
  switch (scenario.name) {
    case 'double_start': {
      const again = messageStart({ ...answer, startUsage: more(answer.startUsage, 7) });
      return { events: [start, again, ...text, delta, stop], ending };
    }
    case 'double_delta': {
      const first = unfinished(answer, (output) => Math.floor(output / 2));
      return { events: [start, ...text, first, delta, stop], ending };
    }
    case 'decreasing_usage': {
      const first = unfinished(answer, (output) => output * 2);
      return { events: [start, ...text, first, delta, stop], ending };
    }
    case 'after_stop': {
      const late = messageDelta({ ...answer, usage: more(answer.usage, 10) });
      return { events: [start, ...text, delta, stop, late, stop], ending };
    }
    case 'unknown_events':
      return { events: [start, ...unheardOf, ...text, ...unheardOf, delta, stop], ending };
    case 'truncated_json': {
      const half = `${delta.slice(0, Math.floor(delta.length / 2))}\n\n`;
      return { events: [start, ...text, half, stop], ending };
    }
    default:
      return rawBytes([start, ...text, delta, stop], scenario);
  }
}

/** Event types, deltas and fields that no version of the API has yet. */
const unheardOf: readonly string[] = [
  event('weather_report', { outlook: { sky: 'clear' }, tokens: 99_999 }),
  event('content_block_delta', { index: 0, delta: { type: 'scent_delta', scent: 'of rain' } }),
  'event: ping\nid: 7\nretry: 10\ndata: {"type":"ping","extra":[1.50,1e2]}\n\n',
];

/** A `message_delta` before the last one: no stop reason yet, and another count of the output. */
function unfinished(answer: Answer, output: (tokens: number) => number): string {
  const counted = answer.usage?.output_tokens;
  const usage =
    typeof counted === 'number'
      ? { ...answer.usage, output_tokens: output(counted) }
      : answer.usage;
  return messageDelta({ ...answer, usage, stopReason: null });
}

/** The same usage with that many times its input and output. */
function more(usage: Answer['usage'], times: number): Answer['usage'] {
  if (usage === null) return null;
  const counted = ['input_tokens', 'output_tokens'].flatMap((name) => {
    const value = usage[name];
    return typeof value === 'number' ? [[name, value * times] as const] : [];
  });
  return { ...usage, ...Object.fromEntries(counted) };
}

/** The same events in other bytes: line ends, comments between them, and writes that cut anywhere. */
function rawBytes(events: readonly string[], scenario: Scenario): StreamPlan {
  const lineEnd = lineEnds.get(scenario.texts.get('line_end') ?? 'lf') ?? '\n';
  const remark = (scenario.numbers.get('comments') ?? 0) > 0 ? ': nothing to see – 計\n\n' : '';
  const text = events
    .map((one) => `${remark}${one}`)
    .join('')
    .replaceAll('\n', lineEnd);
  const bytes = Buffer.from(text);
  const size = Math.max(1, scenario.numbers.get('split') ?? 1);
  const writes: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += size) writes.push(bytes.subarray(at, at + size));
  return { events, writes, ending: 'end' };
}
