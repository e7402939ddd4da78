import { setSpendLimit } from '#charging/limits';
import { type RateGate, rateGate } from '#gateway/rates';
import type { OrganizationId } from '#kernel/ids';
import type { NanoUsd } from '#kernel/money';
import { openLimiter } from '#rate-limits/limiter';
import { modelLimits } from '#rate-limits/model-limits';
import { databaseBuckets } from '#rate-limits/store';
import type { Parts } from '#src/start/edges';

const NODE_ID_BYTES = 8;

/** Rate limits of this process, shared with all others on its database. */
export function openRates(parts: Parts): RateGate {
  const { config, pool, clock, entropy, log, consoleUrl } = parts;
  const node = Buffer.from(entropy.bytes(NODE_ID_BYTES)).toString('hex');
  const limiter = openLimiter({
    store: databaseBuckets(pool, node),
    clock,
    onFailure: (error) => log.warn({ err: error }, 'rate limits are kept by this process alone'),
  });
  const limits = modelLimits(config.tiers, config.defaultTier, limiter);
  const limitsUrl = `${consoleUrl}/settings/limits`;
  const setCap = (organizationId: OrganizationId, amount: NanoUsd | null) =>
    setSpendLimit(pool, {
      ...{ organizationId, level: 'tier', subjectId: organizationId, amount, setBy: 'tier' },
      action: 'notify_and_pause',
    }).catch((error: unknown) => log.error({ err: error }, 'the cap of a tier is not set'));
  return rateGate({ limits, limiter, clock, brand: config.brand, limitsUrl, setCap });
}
