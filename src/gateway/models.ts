import type { FastifyInstance } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { LivePrices } from '#catalog/live';
import { checkHeaders } from '#gateway/admit';
import { callerOf, type GuardDeps, guard, sendRefusal } from '#gateway/guard';
import type { Clock } from '#kernel/clock';
import type { ModelPrice, PriceBook } from '#pricing/book';

const modelInfo = z
  .object({
    id: z.string(),
    type: z.literal('model'),
    display_name: z.string(),
    created_at: z.iso.datetime(),
    lifecycle: z.literal('active'),
    deprecated_at: z.null(),
    retires_at: z.iso.datetime().nullable(),
    line: z.enum(['haiku', 'sonnet', 'opus', 'fable', 'mythos']).nullable(),
    max_input_tokens: z.int(),
    max_tokens: z.int(),
  })
  .meta({ id: 'Model' });
const page = z
  .object({
    data: z.array(modelInfo),
    has_more: z.boolean(),
    first_id: z.string().nullable(),
    last_id: z.string().nullable(),
  })
  .meta({ id: 'ModelPage' });
const pageQuery = z.object({
  limit: z.coerce.number().int().min(1).max(1_000).default(20),
  after_id: z.string().optional(),
  before_id: z.string().optional(),
});

type ModelInfo = z.infer<typeof modelInfo>;
type PageQuery = z.infer<typeof pageQuery>;

export interface ModelsDeps extends GuardDeps {
  readonly prices: LivePrices;
  readonly clock: Clock;
}

/** The models on offer are those with a price: what the book does not know cannot be called. */
export function registerModels(app: FastifyInstance, deps: ModelsDeps): void {
  const typed = app.withTypeProvider<ZodTypeProvider>();
  const onRequest = guard(deps);
  const tags = ['Models'];
  const security = [{ apiKey: [] }, { bearer: [] }];
  typed.get('/v1/models', {
    onRequest,
    schema: {
      summary: 'List the models that can be called',
      tags,
      security,
      querystring: pageQuery,
      response: { 200: page },
    },
    async handler(request, reply) {
      const wrong = checkHeaders(callerOf(request), request.headers);
      if (wrong !== undefined) return sendRefusal(request, reply, wrong.code);
      const { book, at } = await inForce(deps);
      const listed = pageOf(offered(book, at), request.query);
      if (listed !== undefined) return listed;
      return sendRefusal(request, reply, 'invalid_request', {
        message: 'after_id, before_id: no such model',
      });
    },
  });
  typed.get('/v1/models/:id', {
    onRequest,
    schema: {
      summary: 'Describe one model',
      tags,
      security,
      params: z.object({ id: z.string() }),
      response: { 200: modelInfo },
    },
    async handler(request, reply) {
      const wrong = checkHeaders(callerOf(request), request.headers);
      if (wrong !== undefined) return sendRefusal(request, reply, wrong.code);
      const { book, at } = await inForce(deps);
      const price = book.priceOf(request.params.id, at);
      if (price !== undefined) return infoOf(book, price);
      const message = `model: ${request.params.id}`;
      return sendRefusal(request, reply, 'model_not_found', { message });
    },
  });
}

/** A list of models decides nothing: while the store is away, the one last known will do. */
async function inForce({ prices, clock }: ModelsDeps): Promise<{ book: PriceBook; at: Date }> {
  return await prices.latest().then(
    ({ prices: { book }, now: at }) => ({ book, at }),
    () => ({ book: prices.current().book, at: clock.now() }),
  );
}

/** Newest first, as the public API lists them. */
const offered = (book: PriceBook, at: Date): ModelInfo[] =>
  [...book.models(at)]
    .sort((a, b) => b.releasedAt.getTime() - a.releasedAt.getTime())
    .map((price) => infoOf(book, price));

function infoOf(book: PriceBook, price: ModelPrice): ModelInfo {
  const { until } = price;
  // A span ends with a new price or with the model; only the latter leaves nothing in force.
  const retires = until !== null && book.priceOf(price.model, until) === undefined;
  return {
    id: price.model,
    type: 'model',
    display_name: price.displayName,
    created_at: price.releasedAt.toISOString(),
    lifecycle: 'active',
    deprecated_at: null,
    retires_at: retires ? until.toISOString() : null,
    line: lineOf(price.model),
    max_input_tokens: price.contextWindow,
    max_tokens: price.outputTokensMax,
  };
}

const LINES = ['haiku', 'sonnet', 'opus', 'fable', 'mythos'] as const;

const lineOf = (model: string): ModelInfo['line'] =>
  LINES.find((line) => model.split('-').includes(line)) ?? null;

/** Undefined if the cursor names no model on offer. */
function pageOf(models: readonly ModelInfo[], query: PageQuery): z.infer<typeof page> | undefined {
  const { limit, after_id: after, before_id: before } = query;
  let from = 0;
  let to = Math.min(limit, models.length);
  if (after !== undefined) {
    const at = models.findIndex((model) => model.id === after);
    if (at === -1) return undefined;
    from = at + 1;
    to = Math.min(from + limit, models.length);
  } else if (before !== undefined) {
    to = models.findIndex((model) => model.id === before);
    if (to === -1) return undefined;
    from = Math.max(0, to - limit);
  }
  const data = models.slice(from, to);
  return {
    data,
    has_more: before !== undefined && after === undefined ? from > 0 : to < models.length,
    first_id: data[0]?.id ?? null,
    last_id: data.at(-1)?.id ?? null,
  };
}
