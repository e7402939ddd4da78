import type { Db } from '#db/pool';
import { readOrganization } from '#orgs/organizations';
import { ruleOf } from '#rate-limits/bucket';
import { bundledTiers } from '#rate-limits/bundled-tiers';
import { type InUse, readInUse } from '#rate-limits/in-use';
import { endpointLimits } from '#rate-limits/model-limits';
import { ENDPOINTS, type Endpoint } from '#rate-limits/overrides';
import {
  type LimitKind,
  limitsOf,
  NO_TIER,
  OTHER_CLASS,
  type Tier,
  tierOf,
} from '#rate-limits/tiers';
import type { LimitsResponse, RateLimit } from './contract.ts';
import type { ConsoleDeps } from './deps.ts';

const ENDPOINT_NAMES: Readonly<Record<Endpoint, string>> = {
  count_tokens: 'Counting tokens',
  batches: 'Message batches',
};

/** What the tier of an organization lets it use a minute, and what of that is used now. */
export async function ratesView(
  db: Db,
  { tiers: book = bundledTiers, defaultTier = NO_TIER }: ConsoleDeps,
  organizationId: string,
): Promise<LimitsResponse['rates']> {
  const organization = await readOrganization(db, organizationId);
  const name = organization?.tier ?? defaultTier;
  // A tier that was taken out of the file leaves the standard one, as for requests.
  const tier = name === NO_TIER ? undefined : (tierOf(book, name) ?? tierOf(book, defaultTier));
  if (tier === undefined) return { tier: null, limits: [] };
  const inUse = await readInUse(db, organizationId);
  const others = { id: OTHER_CLASS, name: 'Other models', models: [] };
  const classes = [...book.classes, others].map(({ id, name: called, models }): RateLimit => {
    const limits = limitsOf(tier, id);
    const of = (kind: LimitKind) => limitView(inUse, tier, { pool: id, kind }, limits[kind]);
    return {
      ...{ id, name: called, models: [...models] },
      requests: of('requests'),
      input_tokens: of('input_tokens'),
      output_tokens: of('output_tokens'),
    };
  });
  const endpoints = ENDPOINTS.map((id): RateLimit => {
    const { requests = 0 } = endpointLimits(tier, id);
    return {
      ...{ id, name: ENDPOINT_NAMES[id], models: [] },
      requests: limitView(inUse, tier, { pool: id, kind: 'requests' }, requests),
      ...{ input_tokens: null, output_tokens: null },
    };
  });
  return { tier: tier.name, limits: [...classes, ...endpoints] };
}

const limitView = (
  inUse: InUse,
  tier: Tier,
  { pool, kind }: { readonly pool: string; readonly kind: LimitKind },
  perMinute: number,
) => ({
  per_minute: perMinute,
  used: inUse.used(pool, kind, ruleOf(perMinute, tier.burstSeconds)),
});
