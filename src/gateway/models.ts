import type { FastifyInstance } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { LivePrices } from '#catalog/live';
import { checkHeaders } from '#gateway/admit';
import { callerOf, type GuardDeps, guard, sendRefusal } from '#gateway/guard';
import { type ModelInfo, modelInfo, modelNamed, modelsOf } from '#gateway/model-info';
import { LIFECYCLES, type Lifecycle, type UpstreamModels } from '#gateway/upstream-models';
import { BOTH_SIDES, onOneSide, pageFields } from '#http/list-query';
import type { Clock } from '#kernel/clock';
import type { PriceBook } from '#pricing/book';

const page = z
  .object({
    data: z.array(modelInfo),
    has_more: z.boolean(),
    first_id: z.string().nullable(),
    last_id: z.string().nullable(),
  })
  .meta({ id: 'ModelPage' });
const lifecycle = z.enum(LIFECYCLES, { error: `expected one of ${LIFECYCLES.join(', ')}` });
const lifecycles = z
  .union([lifecycle, z.array(lifecycle).max(LIFECYCLES.length)], {
    error: `expected one or more of ${LIFECYCLES.join(', ')}`,
  })
  .optional();
const pageQuery = z
  .object({
    ...pageFields,
    // Client libraries repeat the name with brackets.
    'lifecycle[]': lifecycles,
    lifecycle: lifecycles,
  })
  .refine(onOneSide, BOTH_SIDES);
/** Listed unless asked otherwise: what can be called. */
const CALLABLE: readonly Lifecycle[] = ['active', 'deprecated'];

type PageQuery = z.infer<typeof pageQuery>;

export interface ModelsDeps extends GuardDeps {
  readonly prices: LivePrices;
  readonly clock: Clock;
  /** What the upstream says of its models. Never rejects. */
  readonly upstreamModels: () => Promise<UpstreamModels>;
}

/** The models there are have a price: what the book does not know cannot be called. */
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
      const [{ book, at }, upstream] = await Promise.all([inForce(deps), deps.upstreamModels()]);
      const wanted = [request.query['lifecycle[]'] ?? request.query.lifecycle ?? CALLABLE].flat();
      const models = modelsOf(book, upstream, at).filter((one) => wanted.includes(one.lifecycle));
      const listed = pageOf(models, request.query);
      if (listed !== undefined) return listed;
      const { after_id: after, before_id: before } = request.query;
      const [name, id] = after === undefined ? ['before_id', before] : ['after_id', after];
      return sendRefusal(request, reply, 'invalid_request', {
        message: `${name}: found ${JSON.stringify(id)}, expected the id of a model in this list`,
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
      const [{ book, at }, upstream] = await Promise.all([inForce(deps), deps.upstreamModels()]);
      const model = modelNamed(book, upstream, at, request.params.id);
      if (model !== undefined) return model;
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
