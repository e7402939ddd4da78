import { Fault } from '#kernel/assert';
import type { PriceBook } from './book.ts';
import { loadPriceBook } from './book-data.ts';
import { type Model, type Published, publishedModels, type Span } from './published-models.ts';

/** The bundled book in the form of a price book file; `bursar price import` reads the same. */
export const bundledBookData = {
  version: '2026-11-21',
  unit: 'usd',
  fees: {
    web_search: '10000', // 10 USD per 1,000 searches
    code_execution_hour: '0.05',
    code_execution_free_hours: 1_550,
    code_execution_minimum_seconds: 300,
    session_hour: '0.08',
  },
  models: publishedModels.flatMap((model) => model.spans.map((span) => rowOf(model, span))),
};

/** The bundled book, validated like any other. A broken bundle is a bug. */
export function bundledBook(): PriceBook {
  const loaded = loadPriceBook(bundledBookData);
  if (loaded.outcome === 'loaded') return loaded.book;
  throw new Fault(`the bundled price book is invalid: ${loaded.problems.join('; ')}`);
}

function rowOf(model: Model, span: Span) {
  const bands = [bandOf(0, span.usd)];
  if (span.above !== undefined) bands.push(bandOf(...span.above));
  return {
    model: model.id,
    aliases: model.alias === undefined ? [] : [model.alias],
    display_name: model.name,
    provider: 'anthropic',
    released_at: model.released,
    context_window: span.window ?? model.window,
    output_tokens_max: model.outputMax,
    from: span.from ?? model.released,
    until: span.until ?? model.retired ?? null,
    fast: span.fastTimes === undefined ? null : `${span.fastTimes}`,
    region: model.usInference === true ? '1.1' : null,
    batch: model.batch === false ? null : '0.5',
    bands,
  };
}

function bandOf(promptTokensAbove: number, usd: Published) {
  const [input, write5m, write1h, read, output] = usd;
  return {
    prompt_tokens_above: promptTokensAbove,
    input,
    cache_write_5m: write5m,
    cache_write_1h: write1h,
    cache_read: read,
    output,
  };
}
