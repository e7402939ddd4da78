import { createHash } from 'node:crypto';
import { openCharging } from '#charging/charging';
import { openLanes } from '#charging/lanes';
import { createConsole } from '#console-api/server';
import { openPool, type Pool } from '#db/pool';
import { createGateway, type Gateway } from '#gateway/gateway';
import type { Identity } from '#identity/port';
import { createIdentity } from '#identity/sign-in';
import type { Clock } from '#kernel/clock';
import type { Entropy } from '#kernel/ids';
import type { PaymentsDeps } from '#payments/deps';
import { stripeProcessor } from '#payments/stripe';
import type { Config } from '#src/config';
import type { Closers } from '#src/start/closers';
import type { Log } from '#src/start/log';
import { mailerOf } from '#src/start/mailer';
import { startPrices } from '#src/start/prices';
import { openSettlementJournal } from '#src/start/settlement-journal';
import { registerStripeWebhook } from '#webhooks/stripe';
import { type RunningWorker, startWorker } from '#worker/run';

/** What every edge is composed from. */
export interface Parts {
  readonly config: Config;
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly log: Log;
  readonly closers: Closers;
  readonly version: string;
  readonly pool: Pool;
  readonly databaseUrl: string;
  readonly pepper: Buffer;
  /** Where the outside reaches them: behind a proxy these are not the addresses listened on. */
  readonly consoleUrl: string;
  readonly gatewayUrl: string;
  readonly stripe: StripeAccess;
  readonly upstream: { readonly url: string; readonly key: string };
}

export interface StripeAccess {
  readonly secretKey: string;
  readonly webhookSecrets: readonly string[];
  readonly apiUrl: string | undefined;
  readonly simulated: boolean;
}

const POOL_SIZE = 10;

export const openMainPool = (url: string): Pool => openPool({ url, name: 'main', max: POOL_SIZE });

export function identityOf(parts: Parts): Identity {
  const { config, pool, entropy, pepper, consoleUrl, log } = parts;
  const mailer = mailerOf(config, entropy, (error) => log.error({ err: error }, 'mail failed'));
  const brand = config.brand ?? 'Bursar';
  return createIdentity({ pool, entropy, pepper, mailer, consoleUrl, brand });
}

/**
 * Names this deployment in idempotency keys. Taken from the pepper, which all processes of one
 * deployment share and no two deployments do, so two of them on one account never collide.
 */
function environmentOf(parts: Parts, livemode: boolean): string {
  const digest = createHash('sha256').update('deployment\n').update(parts.pepper).digest('hex');
  return `${livemode ? 'live' : 'test'}-${digest.slice(0, 12)}`;
}

export function paymentsOf(parts: Parts): PaymentsDeps {
  const { pool, clock, entropy, consoleUrl, stripe, log } = parts;
  const { secretKey, apiUrl } = stripe;
  const processor = stripeProcessor({ secretKey, ...(apiUrl === undefined ? {} : { apiUrl }) });
  const environment = environmentOf(parts, processor.livemode);
  return { pool, processor, clock, entropy, urls: { console: consoleUrl }, environment, log };
}

export async function runConsole(
  parts: Parts,
  identity: Identity,
  payments: PaymentsDeps,
  port: number,
): Promise<string> {
  const { config, pool, entropy, pepper, consoleUrl, gatewayUrl, stripe, version } = parts;
  const server = await createConsole({
    ...{ pool, identity, payments, entropy, pepper, consoleUrl, gatewayUrl, version },
    brand: config.brand ?? 'Bursar',
    simulated: stripe.simulated,
    logger: { level: config.logLevel },
    payOrigin: stripe.apiUrl ?? 'https://checkout.stripe.com',
    register: (app) =>
      registerStripeWebhook(app, {
        pool,
        secrets: stripe.webhookSecrets,
        livemode: payments.processor.livemode,
      }),
  });
  parts.closers.add('console', server.close);
  return await server.listen(config.host, port);
}

/**
 * A lane carries every organization's requests. A statement that takes seconds is a fault, and one
 * locked book must not hold up the others for longer than a request may wait.
 */
const LANE = { statementTimeoutMs: 3_000, lockTimeoutMs: 500 };

/** Longer than a settlement takes with a store that is away, on a disk that is slow. */
const JOURNAL_GRACE_MS = 5_000;

export async function runGateway(
  parts: Parts,
  port: number,
): Promise<{ url: string; gateway: Gateway }> {
  const { config, databaseUrl, log, closers, clock, entropy, pepper, pool, version } = parts;
  const { prices, notice } = await startPrices(config, pool);
  if (notice !== undefined) log.warn({}, notice);
  const lanes = openLanes(databaseUrl, LANE);
  closers.add('lanes', lanes.close);
  const charging = openCharging({
    ...lanes,
    onFailure: (error) => log.error({ err: error }, 'charging failed'),
  });
  closers.add('charging', charging.close);
  const journal = await openSettlementJournal(parts, charging);
  closers.add('journal', () => journal.close(JOURNAL_GRACE_MS));
  const gateway = await createGateway({
    ...{ pool, charging, journal, prices, clock, entropy, pepper, version },
    upstream: parts.upstream,
    ...(config.brand === undefined ? {} : { brand: config.brand }),
    billingUrl: `${parts.consoleUrl}/settings/billing`,
    logger: { level: config.logLevel },
    drainSeconds: config.drainSeconds,
    carriedToolUses: config.carriedToolUses,
  });
  closers.add('gateway', gateway.close);
  return { url: await gateway.listen(config.host, port), gateway };
}

export async function runWorker(parts: Parts, payments: PaymentsDeps): Promise<RunningWorker> {
  const worker = await startWorker({ ...payments, databaseUrl: parts.databaseUrl });
  parts.closers.add('worker', worker.close);
  return worker;
}
