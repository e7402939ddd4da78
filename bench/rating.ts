import type { ModelUsage, Usage } from '#kernel/usage';
import { type PriceBook, type Terms, TOKEN_KINDS } from '#pricing/book';
import { bundledBook } from '#pricing/bundled-book';
import { packLines } from '#pricing/lines';
import { rate } from '#pricing/rate';
import { measureOnCorpus, measureTightness } from './rating-tightness.ts';
import { keep, median } from './report.ts';

const ADMITTED_AT = new Date('2026-11-21T12:00:00Z');
/** As many different requests as make every count and every number a new one for the engine. */
const REQUESTS = 1_000;
const TERMS: Terms = [
  {
    model: null,
    factor: { numerator: 17n, denominator: 20n },
    appliesTo: new Set(TOKEN_KINDS),
    from: new Date('2026-01-01T00:00:00Z'),
    until: null,
  },
];

interface Case {
  readonly name: string;
  readonly metric: string;
  readonly usages: readonly Usage[];
  readonly terms?: Terms;
}

/**
 * Requests rated per second of one core, lines included, beside parsing their usage from JSON. Time is
 * the processor's, so that what else runs on the machine counts less.
 */
export async function benchRating(quick: boolean): Promise<void> {
  const book = bundledBook();
  const metrics: Record<string, number> = {};
  const rounds = quick ? 3 : 7;
  const roundMs = quick ? 150 : 500;
  console.log(
    '\nRating: requests per second of one core, and ratio to JSON.parse of the same usage',
  );
  for (const { name, metric, usages, terms = [] } of cases()) {
    const texts = usages.map(wireText);
    const [parsed, rated, packed] = measure(rounds, roundMs, [
      (index) => JSON.parse(texts[index] ?? ''),
      (index) => rateAt(book, usages, index, terms),
      (index) => JSON.stringify(packLines(rateAt(book, usages, index, terms))),
    ]);
    const ratio = rated / parsed;
    metrics[`parsed_per_s_${metric}`] = parsed;
    metrics[`rated_per_s_${metric}`] = rated;
    metrics[`rated_per_parsed_${metric}`] = ratio;
    metrics[`rated_and_packed_per_s_${metric}`] = packed;
    console.log(
      `${name.padEnd(44)} ${rated.toFixed(0).padStart(9)} ${ratio.toFixed(2).padStart(6)}x` +
        `   packed as JSON too: ${packed.toFixed(0).padStart(8)}`,
    );
  }
  measureTightness(book, ADMITTED_AT, metrics);
  measureOnCorpus(metrics);
  keep('rating', metrics);
}

function rateAt(book: PriceBook, usages: readonly Usage[], index: number, terms: Terms) {
  const usage = usages[index];
  if (usage === undefined) throw new Error(`no request ${index}`);
  const rated = rate(book, usage, ADMITTED_AT, terms);
  if (rated.outcome !== 'rated') throw new Error(rated.reason);
  return rated;
}

/** What was made is kept for a while, so that making it cannot be optimized away. */
const kept: unknown[] = Array.from({ length: 4_096 });
type Task = (index: number) => unknown;

/** By turns, so that a busy machine slows all of them alike; the median of the rounds. */
function measure(
  rounds: number,
  roundMs: number,
  [parse, rateOne, pack]: readonly [Task, Task, Task],
): readonly [parsed: number, rated: number, packed: number] {
  const figures: [number[], number[], number[]] = [[], [], []];
  for (let round = -1; round < rounds; round++) {
    const told = [run(parse, roundMs), run(rateOne, roundMs), run(pack, roundMs)] as const;
    // The first round warms up.
    if (round >= 0) for (const at of [0, 1, 2] as const) figures[at].push(told[at]);
  }
  return [median(figures[0]), median(figures[1]), median(figures[2])];
}

function run(task: Task, ms: number): number {
  const start = process.cpuUsage();
  let [done, elapsed] = [0, 0];
  while (elapsed < ms) {
    for (let index = 0; index < REQUESTS; index++) kept[(done + index) % kept.length] = task(index);
    done += REQUESTS;
    const { user, system } = process.cpuUsage(start);
    elapsed = (user + system) / 1_000;
  }
  return (done / elapsed) * 1_000;
}

function cases(): Case[] {
  const plain = usagesOf(() => ({}));
  const cached = (index: number) => ({
    cacheReadTokens: 20_000 + 7 * index,
    cacheWrite5mTokens: 900 + index,
  });
  const fallback = usagesOf(cached).map((usage, index) => ({
    ...usage,
    iterations: [
      { ...turnOf(index), outputTokens: 40 },
      { ...turnOf(index), model: 'claude-sonnet-5-5', kind: 'compaction' as const },
      { ...turnOf(index), model: 'claude-sonnet-5-5', kind: 'fallback_message' as const },
    ],
  }));
  const dear = usagesOf(cached).map((usage) => ({
    ...usage,
    webSearches: 2,
    inferenceGeo: 'us' as const,
    speed: 'fast' as const,
  }));
  return [
    { name: 'input and output', metric: 'plain', usages: plain },
    { name: 'with cache reads and writes', metric: 'cached', usages: usagesOf(cached) },
    { name: 'fast, US, searches', metric: 'multiplied', usages: dear },
    { name: 'three attempts, two models', metric: 'attempts', usages: fallback },
    {
      name: 'with cache and a discount',
      metric: 'discounted',
      usages: usagesOf(cached),
      terms: TERMS,
    },
  ];
}

const usagesOf = (counts: (index: number) => Partial<ModelUsage>): Usage[] =>
  Array.from({ length: REQUESTS }, (_, index) => ({
    iterations: [{ ...turnOf(index), ...counts(index) }],
    webSearches: 0,
    codeExecutionSeconds: 0,
    sessionMilliseconds: 0,
    speed: 'standard',
    inferenceGeo: 'global',
    serviceTier: 'standard',
  }));

const turnOf = (index: number): ModelUsage => ({
  model: 'claude-opus-5',
  kind: 'message',
  billed: true,
  inputTokens: 1_000 + 3 * index,
  outputTokens: 300 + index,
  cacheReadTokens: 0,
  cacheWrite5mTokens: 0,
  cacheWrite1hTokens: 0,
});

/** The usage as the upstream writes it: what has to be parsed before anything can be rated. */
function wireText(usage: Usage): string {
  const turns = usage.iterations.map((turn) => ({
    type: turn.kind,
    model: turn.model,
    input_tokens: turn.inputTokens,
    cache_creation_input_tokens: turn.cacheWrite5mTokens + turn.cacheWrite1hTokens,
    cache_read_input_tokens: turn.cacheReadTokens,
    cache_creation: {
      ephemeral_5m_input_tokens: turn.cacheWrite5mTokens,
      ephemeral_1h_input_tokens: turn.cacheWrite1hTokens,
    },
    output_tokens: turn.outputTokens,
  }));
  const { type: _type, model: _model, ...whole } = turns.at(-1) ?? { type: '', model: '' };
  return JSON.stringify({
    ...whole,
    server_tool_use: { web_search_requests: usage.webSearches, web_fetch_requests: 0 },
    service_tier: usage.serviceTier,
    inference_geo: usage.inferenceGeo,
    speed: usage.speed,
    ...(turns.length > 1 ? { iterations: turns } : {}),
  });
}
