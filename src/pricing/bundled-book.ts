import { Fault } from '#kernel/assert';
import { parseUsd } from '#kernel/money';
import { loadPriceBook, type PriceBook } from './book.ts';
import { type Model, type Published, publishedModels, type Span } from './published-models.ts';

/** The bundled book in the form of a price book file; `bursar price import` reads the same. */
export const bundledBookData = {
  version: '2026-11-20',
  web_search: nanosText('10000'), // 10 USD per 1,000 searches
  us_inference: [11, 10],
  batch: [1, 2],
  rows: publishedModels.flatMap((model) => model.spans.map((span) => rowOf(model, span))),
};

/** The bundled book, validated like any other. A broken bundle is a bug. */
export function bundledBook(): PriceBook {
  const loaded = loadPriceBook(bundledBookData);
  if (loaded.outcome === 'loaded') return loaded.book;
  throw new Fault(`the bundled price book is invalid: ${loaded.problems.join('; ')}`);
}

function rowOf(model: Model, span: Span) {
  const end = span.until ?? model.retired;
  const bands = [bandOf(0, span.usd)];
  if (span.above !== undefined) bands.push(bandOf(...span.above));
  return {
    model: model.id,
    aliases: model.alias === undefined ? [] : [model.alias],
    display_name: model.name,
    released_at: midnight(model.released),
    context_window: span.window ?? model.window,
    output_tokens_max: model.outputMax,
    from: midnight(span.from ?? model.released),
    until: end === undefined ? null : midnight(end),
    us_inference: model.usInference ?? false,
    fast: span.fastTimes === undefined ? null : [span.fastTimes, 1],
    bands,
  };
}

function bandOf(promptTokensAbove: number, usd: Published) {
  const [input, write5m, write1h, read, output] = usd;
  return {
    prompt_tokens_above: promptTokensAbove,
    input: nanosText(input),
    cache_write_5m: nanosText(write5m),
    cache_write_1h: nanosText(write1h),
    cache_read: nanosText(read),
    output: nanosText(output),
  };
}

function midnight(day: string): string {
  return `${day}T00:00:00Z`;
}

function nanosText(usd: string): string {
  const amount = parseUsd(usd);
  if (amount === undefined) throw new Fault(`the bundled price book has the price "${usd}"`);
  return amount.toString();
}
