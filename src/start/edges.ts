import { readFileSync } from 'node:fs';
import { registerAdminApi } from '#admin-api/register';
import { openCharging } from '#charging/charging';
import { openLanes } from '#charging/lanes';
import { withLossesNoted } from '#charging/superseded';
import { createConsole } from '#console-api/server';
import { openPool, type Pool } from '#db/pool';
import { createGateway, type Gateway, type GatewayDeps } from '#gateway/gateway';
import type { Identity } from '#identity/port';
import { createIdentity } from '#identity/sign-in';
import type { Clock } from '#kernel/clock';
import type { Entropy } from '#kernel/ids';
import { formatUsd, NANOS_PER_USD, nanos } from '#kernel/money';
import { refusalTeller } from '#notices/refused';
import { teller } from '#notices/tell';
import type { PaymentsDeps } from '#payments/deps';
import { reloadAsker } from '#payments/reload-asked';
import type { Config } from '#src/config';
import type { Closers } from '#src/start/closers';
import { endpointsWatched } from '#src/start/endpoints-watched';
import type { Log } from '#src/start/log';
import { mailboxToShow, mailerOf } from '#src/start/mailer';
import { noticesOf } from '#src/start/notices';
import { operatorsOf } from '#src/start/operators';
import type { StripeAccess } from '#src/start/payments';
import { startPrices } from '#src/start/prices';
import { openRates } from '#src/start/rates';
import { openSettlementJournal } from '#src/start/settlement-journal';
import { watchUpstreams } from '#src/start/upstreams-watch';
import { targetPolicyOf } from '#src/start/webhook-terms';
import { registerStripeWebhook } from '#webhooks/stripe';
import { type RunningWorker, startWorker } from '#worker/run';
import { startTimer } from '#worker/timers';

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

const POOL_SIZE = 10;

export const openMainPool = (url: string): Pool => openPool({ url, name: 'main', max: POOL_SIZE });

export function identityOf(parts: Parts): Identity {
  const { config, pool, entropy, pepper, consoleUrl, log } = parts;
  const mailer = mailerOf(config, entropy, (error) => log.error({ err: error }, 'mail failed'));
  const brand = config.brand ?? 'Bursar';
  return createIdentity({ pool, entropy, pepper, mailer, consoleUrl, brand });
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
    ...{ tiers: config.tiers, defaultTier: config.defaultTier },
    simulated: stripe.simulated,
    webhookPolicy: targetPolicyOf(config.webhooks, stripe.simulated),
    operators: operatorsOf(config),
    endpoints: endpointsWatched,
    logger: { level: config.logLevel },
    payOrigin: stripe.apiUrl ?? 'https://checkout.stripe.com',
    ...mailboxToShow(config, stripe.simulated),
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
  payments: PaymentsDeps,
  port: number,
): Promise<{ url: string; gateway: Gateway }> {
  const { config, databaseUrl, log, closers, clock, entropy, pepper, pool, version } = parts;
  const rates = openRates(parts);
  const { prices, notice } = await startPrices(config, pool);
  if (notice !== undefined) log.warn({}, notice);
  const lanes = openLanes(databaseUrl, LANE);
  closers.add('lanes', lanes.close);
  const onFailure = (error: unknown) => log.error({ err: error }, 'charging failed');
  const charging = withLossesNoted(openCharging({ ...lanes, onFailure }), {
    ...{ db: pool, onFailure },
    onLoss: (reqId, loss) =>
      log.error(
        { reqId, lossUsd: formatUsd(loss) },
        'given away: its Idempotency-Key was taken over',
      ),
  });
  closers.add('charging', charging.close);
  const journal = await openSettlementJournal(parts, charging);
  closers.add('journal', () => journal.close(JOURNAL_GRACE_MS));
  const upstream = upstreamOf(parts);
  const gateway = await createGateway({
    ...{ pool, charging, journal, prices, rates, clock, entropy, pepper, version },
    upstream,
    ...(config.brand === undefined ? {} : { brand: config.brand }),
    ...(config.publicGatewayUrl === undefined ? {} : { publicUrl: config.publicGatewayUrl }),
    billingUrl: `${parts.consoleUrl}/settings/billing`,
    onOutOfCredit: bothOf(reloadAsker(pool, clock, log), refusalTeller(pool, clock, log)),
    logger: { level: config.logLevel },
    drainSeconds: config.drainSeconds,
    carriedToolUses: config.carriedToolUses,
    register: (app, door) =>
      registerAdminApi(app, {
        ...{ pool, payments, entropy, book: () => prices.current().book, ...door },
        webhooks: { pepper, policy: targetPolicyOf(config.webhooks, parts.stripe.simulated) },
        ...{ tiers: config.tiers, defaultTier: config.defaultTier },
      }),
  });
  // Here and not in the worker: only these processes know the upstream's address and key. It ends
  // after the gateway, which breaks off what it waits for.
  const keeping = { name: 'keep message batches', everyMs: 2_000, run: gateway.keepBatches };
  closers.add('message batches', startTimer(keeping, log).stop);
  closers.add('gateway', gateway.close);
  return { url: await gateway.listen(config.host, port), gateway };
}

const bothOf =
  <T>(one: (of: T) => void, other: (of: T) => void) =>
  (of: T): void => {
    one(of);
    other(of);
  };

/** How soon a new key is used. */
const UPSTREAMS_LOOK_MS = 2_000;

function upstreamOf({ config, log, closers, upstream }: Parts): GatewayDeps['upstream'] {
  if (config.upstreams === undefined) return upstream;
  const { file: path, entries } = config.upstreams;
  const fleet = watchUpstreams({
    ...{ path, entries, log, read: textOf },
    every(look) {
      const timer = setInterval(look, UPSTREAMS_LOOK_MS).unref();
      return () => clearInterval(timer);
    },
  });
  closers.add('upstreams file', async () => fleet.close());
  return fleet;
}

function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

export async function runWorker(parts: Parts, payments: PaymentsDeps): Promise<RunningWorker> {
  const { config, pepper, stripe, databaseUrl, entropy } = parts;
  const policy = targetPolicyOf(config.webhooks, stripe.simulated);
  const webhooks = { pepper, policy, tell: teller(entropy) };
  const notices = noticesOf(parts, payments);
  const unusualFrom = nanos(BigInt(config.unusualSpendUsd) * NANOS_PER_USD);
  const worker = await startWorker({ ...payments, databaseUrl, webhooks, notices, unusualFrom });
  parts.closers.add('worker', worker.close);
  return worker;
}
