import type { ModelUsage, Usage } from '#kernel/usage';
import type { PriceBook } from '#pricing/book';
import { boundHold } from '#pricing/bound';
import { rate } from '#pricing/rate';
import { loadBookOrFail, termsOf } from '../conformance/engine.ts';
import { type Case, loadBook, loadCases } from '../conformance/oracle.mjs';
import { requestOf } from '../conformance/request.ts';
import { median, percentile } from './report.ts';

/**
 * How much more is held than charged. A hold is a proven bound, so it is above the charge; how far
 * decides how many requests a balance carries at once. Bodies are written out and scanned as they
 * are; how many tokens they become is assumed, by bytes per token that are usual for such text.
 * That assumption is good for looking at holds, never for making one.
 */
export function measureTightness(book: PriceBook, at: Date, metrics: Record<string, number>): void {
  console.log('\nHold per charge, by kind of request: median, p90, max');
  const all: number[] = [];
  for (const kind of KINDS) {
    const ratios: number[] = [];
    for (let size = 0; size < SIZES; size++) ratios.push(ratioOf(book, at, kind.example(size)));
    ratios.sort((a, b) => a - b);
    all.push(...ratios);
    print(kind.name, kind.metric, ratios, metrics);
  }
  all.sort((a, b) => a - b);
  print('all kinds, in equal parts', 'all', all, metrics);
}

/** The same over the published corpus, whose requests are made from its answers. */
export function measureOnCorpus(metrics: Record<string, number>): void {
  const book = loadBookOrFail(loadBook());
  console.log('\nHold per charge over the conformance corpus: median, p90, max');
  for (const [name, metric, maxTokens] of [
    ['max_tokens as the rows ask', 'corpus_as_asked', 'as asked'],
    ['max_tokens no larger than the output made', 'corpus_as_used', 'as used'],
  ] as const) {
    const rows = loadCases().filter(({ expect }) => expect.outcome === 'charged');
    const ratios = rows.flatMap((row) => corpusRatio(book, row, maxTokens));
    print(
      `${name}: ${ratios.length} of ${rows.length} rows`,
      metric,
      ratios.sort((a, b) => a - b),
      metrics,
    );
  }
}

/** None for a row that no Messages request leads to, whose request is refused, or that is free. */
function corpusRatio(book: PriceBook, row: Case, maxTokens: 'as asked' | 'as used'): number[] {
  const made = requestOf(book, row, maxTokens);
  if (made === undefined) return [];
  const [at, terms] = [new Date(row.admitted_at), termsOf(row.discounts)];
  const bytes = Buffer.byteLength(JSON.stringify(made.body));
  const bound = boundHold(book, made.body, bytes, at, terms);
  const rated = rate(book, made.usage, at, terms);
  if (bound.outcome !== 'bounded' || rated.outcome !== 'rated' || rated.amount === 0n) return [];
  if (rated.amount > bound.amount) throw new Error(`${row.id}: a charge above its hold`);
  return [Number((bound.amount * 1_000n) / rated.amount) / 1_000];
}

interface Example {
  readonly body: Readonly<Record<string, unknown>>;
  readonly turns: readonly Counts[];
  readonly webSearches?: number;
  readonly inferenceGeo?: 'us';
}
type Counts = Partial<Omit<ModelUsage, 'model' | 'kind' | 'billed'>>;
interface Kind {
  readonly name: string;
  readonly metric: string;
  /** A request of its kind, larger with each step. */
  example(size: number): Example;
}

const SIZES = 40;
/** Usual bytes per token of such text. */
const PROSE = 4.2;
const CODE = 3.1;
const CHINESE = 2.6;

function print(
  name: string,
  metric: string,
  sorted: readonly number[],
  metrics: Record<string, number>,
): void {
  const figures = [median(sorted), percentile(sorted, 0.9), sorted.at(-1) ?? Number.NaN];
  const [middle = Number.NaN, high = Number.NaN, most = Number.NaN] = figures;
  metrics[`hold_per_charge_median_${metric}`] = middle;
  metrics[`hold_per_charge_p90_${metric}`] = high;
  metrics[`hold_per_charge_max_${metric}`] = most;
  const shown = figures.map((figure) => `${figure.toFixed(1)}x`.padStart(8)).join(' ');
  console.log(`${name.padEnd(52)} ${shown}`);
}

function ratioOf(book: PriceBook, at: Date, example: Example): number {
  const bytes = Buffer.byteLength(JSON.stringify(example.body));
  const bound = boundHold(book, example.body, bytes, at);
  if (bound.outcome !== 'bounded') throw new Error(JSON.stringify(bound));
  const iterations = example.turns.map((counts) => ({ ...NOTHING, model: bound.model, ...counts }));
  const usage: Usage = {
    iterations,
    webSearches: example.webSearches ?? 0,
    codeExecutionSeconds: 0,
    sessionMilliseconds: 0,
    speed: 'standard',
    inferenceGeo: example.inferenceGeo ?? 'global',
    serviceTier: 'standard',
  };
  const rated = rate(book, usage, at);
  if (rated.outcome !== 'rated') throw new Error(rated.reason);
  if (rated.amount > bound.amount) throw new Error('a charge above its hold');
  // A ratio of two amounts for people to read, in thousandths: no amount is made of it.
  return Number((bound.amount * 1_000n) / rated.amount) / 1_000;
}

const NOTHING = {
  kind: 'message' as const,
  billed: true,
  inputTokens: 0,
  outputTokens: 0,
  cacheReadTokens: 0,
  cacheWrite5mTokens: 0,
  cacheWrite1hTokens: 0,
};

const SENTENCE = 'The invoice was paid on the third working day, so nothing more is owed for it. ';
const STATEMENT = '  const total = lines.reduce((sum, line) => sum + line.amount, 0n);\n';
const HANZI = '发票已在第三个工作日付清，因此不再欠款。';
const text = (piece: string, bytes: number): string =>
  piece.repeat(Math.max(1, Math.round(bytes / Buffer.byteLength(piece))));
const tokens = (bytes: number, bytesPerToken: number): number => Math.ceil(bytes / bytesPerToken);
const user = (content: unknown) => ({ role: 'user', content });
const ask = (more: object) => ({ model: 'claude-opus-5', inference_geo: 'global', ...more });

const tool = (index: number) => ({
  name: `look_up_${index}`,
  description: text(SENTENCE, 400),
  input_schema: {
    type: 'object',
    properties: { id: { type: 'string' }, limit: { type: 'number' } },
  },
});

const KINDS: readonly Kind[] = [
  {
    name: 'a short question, 350 of 1,024 tokens',
    metric: 'chat',
    example(size) {
      const bytes = 600 + 40 * size;
      const body = ask({ max_tokens: 1_024, messages: [user(text(SENTENCE, bytes))] });
      return { body, turns: [{ inputTokens: tokens(bytes, PROSE), outputTokens: 250 + 5 * size }] };
    },
  },
  {
    name: 'the same without a region named',
    metric: 'chat_any_region',
    example(size) {
      const bytes = 600 + 40 * size;
      const body = {
        model: 'claude-opus-5',
        max_tokens: 1_024,
        messages: [user(text(SENTENCE, bytes))],
      };
      return { body, turns: [{ inputTokens: tokens(bytes, PROSE), outputTokens: 250 + 5 * size }] };
    },
  },
  {
    name: 'a label, 4 of 5 tokens',
    metric: 'label',
    example(size) {
      const bytes = 1_000 + 100 * size;
      const body = ask({ max_tokens: 5, messages: [user(text(SENTENCE, bytes))] });
      return { body, turns: [{ inputTokens: tokens(bytes, PROSE), outputTokens: 4 }] };
    },
  },
  {
    name: 'long documents, 700 of 4,096 tokens',
    metric: 'documents',
    example(size) {
      const bytes = 40_000 + 8_000 * size;
      const body = ask({ max_tokens: 4_096, messages: [user(text(SENTENCE, bytes))] });
      return { body, turns: [{ inputTokens: tokens(bytes, PROSE), outputTokens: 700 }] };
    },
  },
  {
    name: 'Chinese text, 500 of 2,048 tokens',
    metric: 'chinese',
    example(size) {
      const bytes = 3_000 + 500 * size;
      const body = ask({ max_tokens: 2_048, messages: [user(text(HANZI, bytes))] });
      return { body, turns: [{ inputTokens: tokens(bytes, CHINESE), outputTokens: 500 }] };
    },
  },
  {
    name: 'a code agent with 12 tools, cached, 900 of 16,000',
    metric: 'agent',
    example(size) {
      const bytes = 30_000 + 4_000 * size;
      const body = ask({
        max_tokens: 16_000,
        cache_control: { type: 'ephemeral' },
        tools: Array.from({ length: 12 }, (_, index) => tool(index)),
        messages: [user(text(STATEMENT, bytes))],
      });
      const prompt = tokens(bytes, CODE) + 2_000;
      const fresh = Math.ceil(prompt / 20);
      const counts = { cacheReadTokens: prompt - fresh, cacheWrite5mTokens: fresh };
      return { body, turns: [{ ...counts, outputTokens: 900 }] };
    },
  },
  {
    name: 'a cache warmed for an hour, no output',
    metric: 'prewarm',
    example(size) {
      const bytes = 40_000 + 4_000 * size;
      const cache_control = { type: 'ephemeral', ttl: '1h' };
      const body = ask({ max_tokens: 0, cache_control, messages: [user(text(SENTENCE, bytes))] });
      return { body, turns: [{ cacheWrite1hTokens: tokens(bytes, PROSE) }] };
    },
  },
  {
    name: 'an image of 1,600 tokens, 400 of 1,024',
    metric: 'image',
    example(size) {
      const data = 'A'.repeat(100_000 + 20_000 * size);
      const source = { type: 'base64', media_type: 'image/png', data };
      const content = [
        { type: 'image', source },
        { type: 'text', text: SENTENCE },
      ];
      const body = ask({ max_tokens: 1_024, messages: [user(content)] });
      return { body, turns: [{ inputTokens: 1_620, outputTokens: 400 }] };
    },
  },
  {
    name: 'a PDF of 5 to 83 pages, 900 of 4,096',
    metric: 'pdf',
    example(size) {
      const source = { type: 'base64', media_type: 'application/pdf', data: 'A'.repeat(90_000) };
      const body = ask({ max_tokens: 4_096, messages: [user([{ type: 'document', source }])] });
      const pages = 5 + 2 * size;
      return { body, turns: [{ inputTokens: 2_000 * pages, outputTokens: 900 }] };
    },
  },
  {
    name: 'up to 5 searches, 2 made, 1,200 of 4,096',
    metric: 'search',
    example(size) {
      const tools = [{ type: 'web_search_20250305', name: 'web_search', max_uses: 5 }];
      const body = ask({ max_tokens: 4_096, tools, messages: [user(SENTENCE)] });
      const found = 8_000 + 300 * size;
      const turns = [0, 1, 2].map((turn) => ({
        inputTokens: 900 + turn * found,
        outputTokens: 400,
      }));
      return { body, turns, webSearches: 2 };
    },
  },
  {
    name: 'one fallback named, not needed, 600 of 2,048',
    metric: 'fallback',
    example(size) {
      const bytes = 4_000 + 400 * size;
      const fallbacks = [{ model: 'claude-sonnet-5-5' }];
      const messages = [user(text(SENTENCE, bytes))];
      const body = ask({ max_tokens: 2_048, fallbacks, messages });
      return { body, turns: [{ inputTokens: tokens(bytes, PROSE), outputTokens: 600 }] };
    },
  },
];
