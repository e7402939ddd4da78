import { z } from 'zod';
import { LIFECYCLES, type Lifecycle, type UpstreamModels } from '#gateway/upstream-models';
import type { ModelPrice, PriceBook } from '#pricing/book';

const LINES = ['haiku', 'sonnet', 'opus', 'fable', 'mythos'] as const;

export const modelInfo = z
  .object({
    id: z.string(),
    type: z.literal('model'),
    display_name: z.string(),
    created_at: z.iso.datetime(),
    lifecycle: z.enum(LIFECYCLES),
    deprecated_at: z.iso.datetime().nullable(),
    retires_at: z.iso.datetime().nullable(),
    line: z.enum(LINES).nullable(),
    max_input_tokens: z.int(),
    max_tokens: z.int(),
    capabilities: z
      .record(z.string(), z.unknown())
      .nullable()
      .describe('as the upstream lists them; null where it does not'),
  })
  .meta({ id: 'Model' });

export type ModelInfo = z.infer<typeof modelInfo>;

/** Every model there is or was, newest first, as the public API lists them. */
export function modelsOf(book: PriceBook, upstream: UpstreamModels, at: Date): ModelInfo[] {
  const newest = new Map<string, ModelPrice>();
  for (const row of book.rows) {
    const other = newest.get(row.model);
    if (row.from <= at && (other === undefined || other.from < row.from))
      newest.set(row.model, row);
  }
  return [...newest.values()]
    .sort((a, b) => b.releasedAt.getTime() - a.releasedAt.getTime())
    .map((row) => infoOf({ book, upstream, at }, row));
}

/** The model of this name or alias, if there is or was one. */
export function modelNamed(
  book: PriceBook,
  upstream: UpstreamModels,
  at: Date,
  name: string,
): ModelInfo | undefined {
  const row =
    book.priceOf(name, at) ??
    book.rows.find(({ model, aliases }) => [model, ...aliases].includes(name));
  return row && modelsOf(book, upstream, at).find(({ id }) => id === row.model);
}

interface Known {
  readonly book: PriceBook;
  readonly upstream: UpstreamModels;
  readonly at: Date;
}

function infoOf({ book, upstream, at }: Known, row: ModelPrice): ModelInfo {
  const told = upstream.get(row.model);
  const ends = endOf(book, row);
  const byBook = ends === null ? 'active' : ends <= at ? 'retired' : 'deprecated';
  const lifecycle = later(byBook, told?.lifecycle ?? 'active');
  const ended = [ends?.toISOString(), told?.retiresAt].filter((time) => typeof time === 'string');
  return {
    id: row.model,
    type: 'model',
    display_name: row.displayName,
    created_at: row.releasedAt.toISOString(),
    lifecycle,
    deprecated_at: lifecycle === 'active' ? null : (told?.deprecatedAt ?? null),
    retires_at: lifecycle === 'active' ? null : (ended.sort()[0] ?? null),
    line: LINES.find((line) => row.model.split('-').includes(line)) ?? null,
    max_input_tokens: row.contextWindow,
    max_tokens: row.outputTokensMax,
    capabilities: told?.capabilities ?? null,
  };
}

/** A span of prices ends with a new price or with the model; only the latter leaves nothing. */
function endOf(book: PriceBook, { model, until }: ModelPrice): Date | null {
  return until !== null && book.priceOf(model, until) === undefined ? until : null;
}

/** What is retired in one place cannot be called, whatever the other says. */
const later = (one: Lifecycle, other: Lifecycle): Lifecycle =>
  LIFECYCLES.indexOf(one) > LIFECYCLES.indexOf(other) ? one : other;
