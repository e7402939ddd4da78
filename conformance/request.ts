import type { ModelUsage, Usage } from '#kernel/usage';
import type { PriceBook } from '#pricing/book';
import { usageOf } from './engine.ts';
import type { Question } from './oracle.mjs';

/** Usual for prose. How many tokens text becomes is assumed here, to look at holds. */
const BYTES_PER_TOKEN = 4.2;
const SENTENCE = 'The invoice was paid on the third working day, so nothing more is owed for it. ';

/**
 * A request that the answer of a row can have come from: as much text as its prompt, the settings
 * and tools that its attempts show. Undefined where no Messages request leads there: batch items,
 * sessions, containers, a charge that was estimated, speed that nobody asked for. `as used` asks for
 * no more output than was made: the rest of the distance between hold and charge is the input's.
 */
export function requestOf(
  book: PriceBook,
  row: Question,
  maxTokens: 'as asked' | 'as used' = 'as asked',
): { readonly body: Readonly<Record<string, unknown>>; readonly usage: Usage } | undefined {
  const usage = usageOf(book, row);
  if (typeof usage === 'string' || !fromMessages(row, usage)) return undefined;
  const { iterations: attempts, inferenceGeo, speed, webSearches } = usage;
  const models = (kind: string) => attempts.filter((attempt) => attempt.kind === kind);
  const advice = Map.groupBy(models('advisor_message'), ({ model }) => model);
  const asked = book.priceOf(row.asked_model, new Date(row.admitted_at))?.model;
  const others = attempts.filter(
    ({ kind, model }) => ['message', 'fallback_message'].includes(kind) && model !== asked,
  );
  const tools = [
    ...[...advice].map(([model, uses]) => ({
      ...{ type: 'advisor_20260301', name: 'advisor', model, max_uses: uses.length },
    })),
    ...(webSearches === 0
      ? []
      : [{ type: 'web_search_20250305', name: 'web_search', max_uses: webSearches }]),
  ];
  const outputs = attempts.map(({ outputTokens }) => outputTokens);
  const bytes = Math.ceil(Math.max(0, ...attempts.map(promptOf)) * BYTES_PER_TOKEN);
  const text = SENTENCE.repeat(Math.ceil(bytes / SENTENCE.length));
  const compacts = models('compaction').length > 0;
  const body = {
    model: row.asked_model,
    max_tokens: maxTokens === 'as asked' ? row.max_tokens : Math.max(0, ...outputs),
    messages: [{ role: 'user', content: text }],
    inference_geo: inferenceGeo,
    ...(speed === 'fast' ? { speed } : {}),
    ...cacheControl(attempts),
    ...(others.length === 0 ? {} : { fallbacks: others.map(({ model }) => ({ model })) }),
    ...(tools.length === 0 ? {} : { tools }),
    ...(compacts ? { context_management: { edits: [{ type: 'compact_20260112' }] } } : {}),
  };
  return { body, usage };
}

function fromMessages(row: Question, usage: Usage): boolean {
  if (row.stopped_by_us !== undefined || usage.serviceTier === 'batch') return false;
  if (usage.codeExecutionSeconds > 0 || usage.sessionMilliseconds > 0) return false;
  return usage.speed === 'standard' || row.asked_speed === 'fast';
}

const promptOf = (attempt: ModelUsage): number =>
  attempt.inputTokens +
  attempt.cacheReadTokens +
  attempt.cacheWrite5mTokens +
  attempt.cacheWrite1hTokens;

function cacheControl(attempts: readonly ModelUsage[]): object {
  if (attempts.some(({ cacheWrite1hTokens }) => cacheWrite1hTokens > 0)) {
    return { cache_control: { type: 'ephemeral', ttl: '1h' } };
  }
  const caches = attempts.some((one) => one.cacheReadTokens + one.cacheWrite5mTokens > 0);
  return caches ? { cache_control: { type: 'ephemeral' } } : {};
}
