import { z } from 'zod';
import { readOrganization } from '#orgs/organizations';
import { bundledTiers } from '#rate-limits/bundled-tiers';
import {
  classOf,
  type Limits,
  limitsOf,
  NO_TIER,
  OTHER_CLASS,
  type Tier,
  type TierBook,
  tierOf,
} from '#rate-limits/tiers';
import { type AdminApp, type AdminDeps, documented, refuse } from './door.ts';

const GROUP_TYPES = ['model_group', 'batch', 'token_count'] as const;

const group = z.discriminatedUnion('type', [
  z.object({ type: z.literal('model_group'), id: z.string(), display_name: z.string() }),
  z.object({ type: z.literal('batch'), id: z.string() }),
  z.object({ type: z.literal('token_count'), id: z.string() }),
]);
const rateLimit = z
  .object({
    id: z.string(),
    type: z.literal('rate_limit'),
    group,
    group_type: z.enum(GROUP_TYPES).describe('deprecated: as in group'),
    models: z.array(z.string()).nullable().describe('of a group of models: those with a price'),
    limits: z.array(z.object({ type: z.string(), value: z.int() })),
  })
  .meta({ id: 'RateLimit' });
const page = z
  .object({ data: z.array(rateLimit), next_page: z.null() })
  .meta({ id: 'RateLimitPage' });
const query = z.object({
  group_type: z
    .enum(GROUP_TYPES, { error: `expected one of ${GROUP_TYPES.join(', ')}` })
    .optional(),
  model: z.string({ error: 'expected one model' }).optional(),
});

type RateLimit = z.infer<typeof rateLimit>;

export function rateLimitRoutes(app: AdminApp, deps: AdminDeps): void {
  app.get(
    '/rate_limits',
    {
      schema: {
        ...documented('What may be used in a minute, by what shares it; empty without a tier'),
        querystring: query,
        response: { 200: page },
      },
    },
    async (request, reply) => {
      const { tiers: tierBook = bundledTiers, defaultTier = NO_TIER } = deps;
      const { group_type: groupType, model } = request.query;
      const prices = deps.book();
      const models = [...new Set(prices.rows.map((row) => row.model))];
      const known = prices.rows.find((row) => [row.model, ...row.aliases].includes(model ?? ''));
      if (model !== undefined && known === undefined) {
        return refuse(request, reply, 'model_not_found', { message: `model: ${model}` });
      }
      const found = await readOrganization(deps.pool, deps.callerOf(request).organizationId);
      const name = found?.tier ?? defaultTier;
      // A tier that was taken out of the file leaves the standard one, as for requests.
      const tier =
        name === NO_TIER ? undefined : (tierOf(tierBook, name) ?? tierOf(tierBook, defaultTier));
      const all = tier === undefined ? [] : limitsIn(tierBook, tier, models);
      const data = all
        .filter((limit) => groupType === undefined || limit.group.type === groupType)
        .filter((limit) => known === undefined || limit.models?.includes(known.model) === true);
      return { data, next_page: null };
    },
  );
}

function limitsIn(book: TierBook, tier: Tier, models: readonly string[]): RateLimit[] {
  const classes = [...book.classes, { id: OTHER_CLASS, name: 'Other models' }];
  const ofClasses = classes.map(({ id, name }): RateLimit => {
    const share = models.filter((model) => classOf(book, model) === id);
    const { requests, input_tokens, output_tokens }: Limits = limitsOf(tier, id);
    return {
      ...limitOf({ type: 'model_group', id: `rlg_${id}`, display_name: name }, share),
      limits: [
        { type: 'requests_per_minute', value: requests },
        { type: 'input_tokens_per_minute_cache_aware', value: input_tokens },
        { type: 'output_tokens_per_minute', value: output_tokens },
      ],
    };
  });
  const { batches, countTokens } = tier;
  return [
    ...ofClasses,
    {
      ...limitOf({ type: 'batch', id: 'rlg_batches' }, null),
      limits: [
        { type: 'requests_per_minute', value: batches.requests },
        { type: 'enqueued_batch_requests', value: batches.queued },
      ],
    },
    {
      ...limitOf({ type: 'token_count', id: 'rlg_count_tokens' }, null),
      limits: [{ type: 'requests_per_minute', value: countTokens }],
    },
  ];
}

const limitOf = (of: RateLimit['group'], models: string[] | null): Omit<RateLimit, 'limits'> => ({
  id: of.id.replace('rlg_', 'rl_'),
  type: 'rate_limit',
  group: of,
  group_type: of.type,
  models,
});
