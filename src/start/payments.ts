import { createHash } from 'node:crypto';
import type { Pool } from '#db/pool';
import type { Clock } from '#kernel/clock';
import type { Entropy } from '#kernel/ids';
import { teller } from '#notices/tell';
import { readOrganization } from '#orgs/organizations';
import type { PaymentsLog } from '#payments/deps';
import type { ReconcileDeps } from '#payments/reconcile';
import { stripePorts } from '#payments/stripe-ports';
import { NO_TIER, tierOf } from '#rate-limits/tiers';
import type { Config } from '#src/config';
import { sellingTerms } from '#src/start/selling';
import { starterTerms } from '#src/start/starter-credit';

export interface StripeAccess {
  readonly secretKey: string;
  readonly webhookSecrets: readonly string[];
  readonly apiUrl: string | undefined;
  readonly simulated: boolean;
}

/** What payments are composed from, in a server and in a command line alike. */
export interface PaymentParts {
  readonly pool: Pool;
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly pepper: Buffer;
  readonly consoleUrl: string;
  readonly stripe: StripeAccess;
  /** To whom is sold, and whether tax is added. */
  readonly config: Parameters<typeof sellingTerms>[0] &
    Pick<Config, 'tiers' | 'defaultTier' | 'starterCredit'>;
  readonly log?: PaymentsLog;
}

/**
 * Names this deployment in idempotency keys. Taken from the pepper, which all processes of one
 * deployment share and no two deployments do, so two of them on one account never collide.
 */
function environmentOf(pepper: Buffer, livemode: boolean): string {
  const digest = createHash('sha256').update('deployment\n').update(pepper).digest('hex');
  return `${livemode ? 'live' : 'test'}-${digest.slice(0, 12)}`;
}

/** What the tier of an organization says of its purchases, if it says anything. */
async function boundsOfTier({ pool, config }: PaymentParts, organizationId: string) {
  const found = await readOrganization(pool, organizationId);
  const name = found?.tier ?? config.defaultTier;
  const tier = tierOf(config.tiers, name) ?? tierOf(config.tiers, config.defaultTier);
  return name === NO_TIER ? undefined : tier?.purchases;
}

export function paymentsOf(parts: PaymentParts): ReconcileDeps {
  const { pool, clock, entropy, consoleUrl, stripe, log } = parts;
  const { secretKey, apiUrl } = stripe;
  const access = { secretKey, ...(apiUrl === undefined ? {} : { apiUrl }) };
  const ports = stripePorts(access);
  return {
    ...ports,
    ...sellingTerms(parts.config),
    ...starterTerms(parts.config, parts.pepper),
    tierBounds: (organizationId) => boundsOfTier(parts, organizationId),
    ...{ pool, clock, entropy, urls: { console: consoleUrl } },
    tell: teller(entropy),
    environment: environmentOf(parts.pepper, ports.processor.livemode),
    webhooksExpected: stripe.webhookSecrets.length > 0,
    ...(log === undefined ? {} : { log }),
  };
}
