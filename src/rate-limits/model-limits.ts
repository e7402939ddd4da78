import { ruleOf } from './bucket.ts';
import { estimated, FIRST_RATIO, learned, textBytesOf } from './estimate.ts';
import { isRecord } from './json.ts';
import type { Demand, Entered, Entrance, Limiter } from './limiter.ts';
import type { Endpoint, Overrides } from './overrides.ts';
import type { LimitKind, Limits, Tier, TierBook } from './tiers.ts';
import { classOf, LIMIT_KINDS, limitsOf, NO_TIER, tierOf } from './tiers.ts';

/** Who asks, as the key says. */
export interface Asker {
  readonly organizationId: string;
  readonly workspaceId: string;
  /** Undefined: the organization has no limits; its workspaces may. */
  readonly tier: Tier | undefined;
  readonly overrides: Overrides;
}

/** What one Messages request says of itself. */
export interface Asked {
  readonly asker: Asker;
  readonly body: unknown;
  readonly bytes: number;
}

export type ModelEntrance =
  | Exclude<Entrance, Entered>
  | (Entered & {
      /** Input as the upstream counted it, cache reads left out: also what the next guess goes by. */
      inputCounted(tokens: number): void;
    })
  /** Without a model there is nothing to limit; it is refused elsewhere. */
  | { readonly outcome: 'unlimited' };

export interface ModelLimits {
  /** Undefined: no limits. An unknown name is that of a tier that was taken out of the file. */
  tierNamed(name: string | null | undefined): Tier | undefined;
  enter(asked: Asked): Promise<ModelEntrance>;
  /** For endpoints that ask no model. */
  enterEndpoint(asker: Asker, endpoint: Endpoint): Promise<Entrance>;
}

/** Requests of fast mode have a pool of their own, as large as that of their class. */
const FAST = ':fast';
const RATIOS_MAX = 10_000;

export function modelLimits(book: TierBook, standard: string, limiter: Limiter): ModelLimits {
  const usual = tierOf(book, standard);
  // By organization and class: what a customer sends to one model is alike.
  const ratios = new Map<string, number>();

  return {
    tierNamed(name) {
      if (name === null || name === undefined) return usual;
      return name === NO_TIER ? undefined : (tierOf(book, name) ?? usual);
    },
    async enter({ asker, body, bytes }) {
      const { model, speed } = isRecord(body) ? body : {};
      if (typeof model !== 'string') return { outcome: 'unlimited' };
      const classId = classOf(book, model);
      const pool = speed === 'fast' ? classId + FAST : classId;
      const name = `${asker.organizationId} ${pool}`;
      const textBytes = textBytesOf(body, bytes);
      const guess = estimated(textBytes, ratios.get(name) ?? FIRST_RATIO);
      const units = { requests: 1, input_tokens: guess, output_tokens: 1 };
      const ofTier = asker.tier && limitsOf(asker.tier, classId);
      const demands = demandsOf(asker, { ofTier, own: asker.overrides.get(classId) }, pool, units);
      const entrance = await limiter.enter(demands);
      if (entrance.outcome === 'refused') return entrance;
      return {
        ...entrance,
        inputCounted(tokens) {
          entrance.count('input_tokens', tokens);
          if (ratios.size >= RATIOS_MAX) ratios.clear();
          ratios.set(name, learned(ratios.get(name) ?? FIRST_RATIO, textBytes, tokens));
        },
      };
    },
    enterEndpoint(asker, endpoint) {
      const { tier, overrides } = asker;
      const ofTier = tier && endpointLimits(tier, endpoint);
      const limits = { ofTier, own: overrides.get(endpoint) };
      return limiter.enter(demandsOf(asker, limits, endpoint, { requests: 1 }));
    },
  };
}

/** What a tier gives an endpoint that asks no model. */
export const endpointLimits = (tier: Tier, endpoint: Endpoint): Partial<Limits> => ({
  requests: endpoint === 'batches' ? tier.batches.requests : tier.countTokens,
});

/** A request counts for its organization, and for its workspace where that is limited too. */
function demandsOf(
  { organizationId, workspaceId, tier }: Asker,
  limits: {
    readonly ofTier: Partial<Limits> | undefined;
    readonly own: Partial<Limits> | undefined;
  },
  pool: string,
  wanted: Partial<Limits>,
): Demand[] {
  const scopes = [
    { scope: 'organization', given: limits.ofTier, pool },
    { scope: 'workspace', given: limits.own, pool: `${pool}@${workspaceId}` },
  ] as const;
  return scopes.flatMap(({ scope, given, pool: name }) =>
    LIMIT_KINDS.flatMap((kind): Demand[] => {
      const [perMinute, units] = [given?.[kind], wanted[kind]];
      if (perMinute === undefined || units === undefined) return [];
      const rule = ruleOf(perMinute, tier?.burstSeconds);
      const bucket = { organizationId, pool: name, kind };
      // A guess above the limit would never be let in, and it is only a guess: it takes all there is.
      const fits = Math.min(units, rule.capacity);
      return [{ bucket, rule, units: fits, uses: USED_BY_ENTERING[kind], scope }];
    }),
  );
}

/** Output counts as it is produced; to begin, some of it must be left. */
const USED_BY_ENTERING: Readonly<Record<LimitKind, boolean>> = {
  requests: true,
  input_tokens: true,
  output_tokens: false,
};
