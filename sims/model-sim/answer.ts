import { type Container, codeRun, containerOf } from './containers.ts';
import { type Block, blockOf } from './content.ts';
import { answeringModel, withIterations } from './iterations.ts';
import { type MessagesRequest, roughTokens } from './request.ts';
import type { Scenario } from './scenario.ts';

type JsonObject = Readonly<Record<string, unknown>>;

/** One finished answer, before it is cut into JSON or events. */
export interface Answer {
  readonly id: string;
  readonly model: string;
  readonly text: string;
  /** Blocks before and after the text. */
  readonly before: readonly Block[];
  readonly after: readonly Block[];
  readonly container: Container | null;
  readonly stopReason: string | null;
  readonly stopDetails: JsonObject | null;
  /** Usage of a JSON body and of the final event; null where a scenario leaves it out. */
  readonly usage: JsonObject | null;
  /** Usage of `message_start`: the input side final, a token of output. */
  readonly startUsage: JsonObject | null;
}

const outputTokensDefault = 20;
// Text beyond this is left out: a test that asks for a million tokens wants the count, not the text.
const textTokensMax = 200_000;
const sentence =
  'A meter that reads what was delivered and nothing else is the quiet half of every bill that ' +
  'people trust . It counts in the open , keeps its own record , and says plainly when a part of ' +
  'the story is missing . ';
// One word or mark stands for one token: about five bytes each, as in English prose.
const words = sentence
  .trim()
  .split(' ')
  .map((word) => `${word} `);
const sentenceLength = words.join('').length;
// With characters of two, three and four bytes: what a careless reader of bytes gets wrong.
const foreign = 'Zähler 計量器 🌍 – ';
// Length of the text that the first n + 1 words make.
const offsets: number[] = [];
for (const word of words) offsets.push((offsets.at(-1) ?? 0) + word.length);

/** Builds the answer of one request; equal requests and scenarios give equal answers. */
export function composeAnswer(
  request: MessagesRequest,
  scenario: Scenario,
  digest: string,
): Answer {
  const asked = scenario.numbers.get('output_tokens');
  const declined = declining.has(scenario.name);
  const called = scenario.name === 'tool_use' ? request.tool : null;
  const outputTokens = asked ?? Math.min(request.maxTokens, outputTokensDefault);
  const literal = scenario.literalUsage;
  const literalOutput = literal?.output_tokens;
  const textTokens =
    typeof literalOutput === 'number' && literalOutput >= 0
      ? Math.min(Math.floor(literalOutput), request.maxTokens)
      : outputTokens;
  const usage =
    literal ?? withIterations(fullUsage(request, scenario, outputTokens), request.model, scenario);
  return {
    id: `msg_sim${digest.slice(0, 24)}`,
    model: answeringModel(request.model, scenario),
    text: silent.has(scenario.name) ? '' : lead(scenario) + textOf(textTokens),
    container: containerOf(request, scenario, digest),
    before: beforeText(scenario, digest),
    after:
      called === null
        ? []
        : [{ type: 'tool_use', id: `toolu_sim${digest.slice(0, 24)}`, ...called }],
    stopReason: stopReasonOf(scenario, declined, called !== null, textTokens >= request.maxTokens),
    stopDetails: declined
      ? { type: 'refusal', category: null, explanation: 'The simulator was asked to decline.' }
      : null,
    usage: scenario.name === 'no_usage' ? null : brokenIfAsked(usage, scenario),
    startUsage:
      scenario.name === 'no_usage' ? null : (scenario.literalStartUsage ?? usageAtStart(usage)),
  };
}

const silent: ReadonlySet<string> = new Set(['refusal', 'fallback_declined']);
const declining: ReadonlySet<string> = new Set([...silent, 'refusal_midstream']);

function beforeText({ name }: Scenario, digest: string): readonly Block[] {
  if (name === 'code_execution') return codeRun(digest);
  return name === 'thinking' ? [thought(digest)] : [];
}

const lead = (scenario: Scenario): string => (scenario.name === 'odd_bytes' ? foreign : '');

const thought = (digest: string): Block => ({
  type: 'thinking',
  thinking: 'A meter reads. What it reads it keeps.',
  signature: Buffer.from(digest).toString('base64'),
});

function stopReasonOf(
  scenario: Scenario,
  declined: boolean,
  called: boolean,
  full: boolean,
): string {
  if (declined) return 'refusal';
  if (called) return 'tool_use';
  return scenario.texts.get('stop_reason') ?? (full ? 'max_tokens' : 'end_turn');
}

/** The blocks of an answer, in their order; a text that is empty is none. */
export function blocksOf({ before, text, after }: Answer): readonly Block[] {
  return [...before, ...(text === '' ? [] : [{ type: 'text' as const, text }]), ...after];
}

/** The JSON body of an answer that is not streamed. */
export function messageOf(answer: Answer): JsonObject {
  return {
    id: answer.id,
    type: 'message',
    role: 'assistant',
    model: answer.model,
    content: blocksOf(answer).map(blockOf),
    stop_reason: answer.stopReason,
    stop_sequence: answer.stopReason === 'stop_sequence' ? 'stop' : null,
    stop_details: answer.stopDetails,
    container: answer.container,
    ...(answer.usage === null ? {} : { usage: answer.usage }),
  };
}

function fullUsage(request: MessagesRequest, scenario: Scenario, outputTokens: number): JsonObject {
  const count = (key: string): number => scenario.numbers.get(key) ?? 0;
  const written5m = count('cache_write_5m');
  const written1h = count('cache_write_1h');
  const searches = count('web_searches');
  return {
    input_tokens: scenario.numbers.get('input_tokens') ?? roughTokens(request.bodyBytes),
    cache_creation_input_tokens: written5m + written1h,
    cache_read_input_tokens: count('cache_read'),
    cache_creation: {
      ephemeral_5m_input_tokens: written5m,
      ephemeral_1h_input_tokens: written1h,
    },
    output_tokens: outputTokens,
    output_tokens_details: { thinking_tokens: 0 },
    server_tool_use:
      searches === 0 ? null : { web_search_requests: searches, web_fetch_requests: 0 },
    service_tier: 'standard',
    inference_geo: scenario.texts.get('inference_geo') ?? request.inferenceGeo,
    speed: scenario.texts.get('speed') ?? request.speed,
  };
}

/** `message_start` knows the input; of the output it has seen the first token at most. */
function usageAtStart(usage: JsonObject): JsonObject {
  const { iterations: _later, output_tokens_details: _final, ...known } = usage;
  const output = known.output_tokens;
  return typeof output === 'number' && output > 1 ? { ...known, output_tokens: 1 } : known;
}

/** `bad_usage` breaks each rule a meter must check: sign and wholeness. */
function brokenIfAsked(usage: JsonObject, scenario: Scenario): JsonObject {
  return scenario.name === 'bad_usage' ? { ...usage, input_tokens: -1, output_tokens: 1.5 } : usage;
}

function textOf(asked: number): string {
  const tokens = Math.min(asked, textTokensMax);
  if (tokens === 0) return '';
  const rounds = Math.floor(tokens / words.length);
  const rest = tokens % words.length;
  const length = rounds * sentenceLength + (rest === 0 ? 0 : (offsets[rest - 1] ?? 0));
  return words
    .join('')
    .repeat(rounds + 1)
    .slice(0, length)
    .trimEnd();
}
