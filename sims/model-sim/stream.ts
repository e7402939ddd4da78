import type { Answer } from './answer.ts';
import { type Block, deltasOf, emptyBlockOf } from './content.ts';
import { event, messageDelta, messageStart, type Parts, ping, type StreamPlan } from './events.ts';
import { isOdd, planOdd } from './odd-stream.ts';
import type { Scenario } from './scenario.ts';

const chunksDefaultMax = 40;
const deltaHead = (index: number): string =>
  `event: content_block_delta\ndata: {"type":"content_block_delta","index":${index},` +
  '"delta":{"type":"text_delta","text":';
const messageStop = event('message_stop', {});
const overloaded = event('error', { error: { type: 'overloaded_error', message: 'Overloaded' } });

/** Decides the whole stream before its first byte, so that pacing and faults are only a walk. */
export function planStream(answer: Answer, scenario: Scenario): StreamPlan {
  const parts = partsOf(answer, scenario);
  const { start, opening, deltas, closing, delta, stop } = parts;
  if (isOdd(scenario)) return planOdd(answer, scenario, parts);
  const partial = deltas.slice(0, scenario.numbers.get('after') ?? Math.ceil(deltas.length / 2));
  const begun = [start, ...opening];
  switch (scenario.name) {
    case 'cut_midstream':
      return { events: [...begun, ...partial], ending: 'destroy' };
    case 'hang':
      return { events: [...begun, ...partial], ending: 'silence' };
    case 'pings':
      return { events: [...begun, ...partial], ending: 'pings' };
    case 'overloaded_midstream':
      return { events: [...begun, ...partial, overloaded], ending: 'end' };
    case 'refusal_midstream':
      return { events: [...begun, ...partial, ...closing, delta, stop], ending: 'end' };
    case 'no_stop': {
      const told = scenario.numbers.get('message_delta') === 0 ? [] : [delta];
      return { events: [...begun, ...deltas, ...closing, ...told], ending: 'end' };
    }
    default:
      return { events: [...begun, ...deltas, ...closing, delta, stop], ending: 'end' };
  }
}

function partsOf(answer: Answer, scenario: Scenario): Parts {
  const { before, text, after } = answer;
  const at = before.length;
  const spoken = text !== '';
  const ends = spoken ? [event('content_block_stop', { index: at })] : [];
  const begins = spoken ? [blockStart(at, { type: 'text', text }), ping] : [];
  const next = at + ends.length;
  return {
    start: messageStart(answer),
    opening: [...before.flatMap((block, index) => wholeBlock(block, index)), ...begins],
    deltas: cut(text, scenario.numbers.get('chunks'), at),
    closing: [...ends, ...after.flatMap((block, index) => wholeBlock(block, next + index))],
    delta: messageDelta(answer),
    stop: messageStop,
  };
}

const blockStart = (index: number, block: Block): string =>
  event('content_block_start', { index, content_block: emptyBlockOf(block) });

const wholeBlock = (block: Block, index: number): readonly string[] => [
  blockStart(index, block),
  ...deltasOf(block, 3).map((delta) => event('content_block_delta', { index, delta })),
  event('content_block_stop', { index }),
];

/** Cuts the text into deltas: as many as asked, else about one for every four words. */
function cut(text: string, asked: number | undefined, index: number): string[] {
  if (text === '') return [];
  const wanted = asked ?? Math.min(chunksDefaultMax, Math.ceil(text.length / 20));
  const pieces = Math.max(1, Math.min(wanted, text.length));
  const deltas: string[] = [];
  const head = deltaHead(index);
  for (let piece = 0; piece < pieces; piece += 1) {
    const from = Math.floor((piece * text.length) / pieces);
    const to = Math.floor(((piece + 1) * text.length) / pieces);
    deltas.push(`${head}${JSON.stringify(text.slice(from, to))}}}\n\n`);
  }
  return deltas;
}
