import type { FastifyInstance } from 'fastify';
import type { LivePrices } from '#catalog/live';
import type { Charging } from '#charging/charging';
import type { HoldCommand, HoldOutcome } from '#charging/commands';
import { claimKey, releaseKey } from '#charging/idempotency';
import type { Journal } from '#charging/journal';
import { wouldHold } from '#charging/would-hold';
import type { Pool } from '#db/pool';
import { keyDoor } from '#gateway/auth';
import { registerBatches } from '#gateway/batches';
import { quarantineBreaker } from '#gateway/breaker';
import { businessTime } from '#gateway/business-time';
import { admitOrigin } from '#gateway/cross-origin';
import type { Desk } from '#gateway/desk';
import { registerFiles } from '#gateway/files';
import { CALLER_DECORATION, callerOf, guard } from '#gateway/guard';
import { inFlight } from '#gateway/in-flight';
import { keyFinder } from '#gateway/key-finder';
import type { Claims } from '#gateway/keyed-turns';
import { noteMade, type ThingOwners } from '#gateway/made-notes';
import { registerMessages } from '#gateway/messages';
import { registerModels } from '#gateway/models';
import { noContainers, ownThingsOnly } from '#gateway/owned-things';
import { registerProbes } from '#gateway/probes';
import { PUMP_LIMITS, type PumpLimits, pumps } from '#gateway/pumps';
import { registerQuote } from '#gateway/quote';
import type { RateGate } from '#gateway/rates';
import { REPLAY_LIMITS, type ReplayLimits, replayRoom } from '#gateway/replay';
import { settlements } from '#gateway/settlement';
import { turns } from '#gateway/turns';
import { type Fleet, fleetOf, type UpstreamOptions } from '#gateway/upstream-fleet';
import { upstreamModels } from '#gateway/upstream-models';
import { openUpstreamPool, type UpstreamState } from '#gateway/upstream-pool';
import { verdict } from '#gateway/verdict';
import { createApp } from '#http/app';
import type { LoggerOptions } from '#http/request-log';
import type { Clock } from '#kernel/clock';
import type { Entropy, OrganizationId } from '#kernel/ids';
import { type ContainerOwners, containerOwners } from '#orgs/containers';
import { type FileOwners, fileOwners } from '#orgs/files';
import type { FoundKey } from '#orgs/key-lookup';
import { findKeys } from '#orgs/key-lookup';

export interface GatewayParts {
  readonly findKey: (digest: Buffer) => Promise<FoundKey | undefined>;
  /** Whose the files are that were uploaded here. */
  readonly files: FileOwners;
  /** Whose the containers are that were made here; without it they are nobody's. */
  readonly containers?: ContainerOwners;
  readonly charging: Charging;
  /** Where a settlement is safe that the store does not answer. Without one, answers wait for it. */
  readonly journal?: Journal;
  readonly prices: LivePrices;
  /** Where message batches are kept; without it they are not offered. */
  readonly pool?: Pool;
  /** Where customers reach this gateway, if that is not where they send their requests to. */
  readonly publicUrl?: string;
  /** Absent: no rate limits. Closed with the gateway. */
  readonly rates?: RateGate;
  /** What a hold would be answered now, for quotes. */
  readonly wouldHold: (command: HoldCommand) => Promise<HoldOutcome>;
  /** One place that answers, or a list that may change while it runs. */
  readonly upstream: UpstreamOptions | Fleet;
  /** Which request has an Idempotency-Key. */
  readonly claims: Claims;
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly pepper: Buffer;
  /** The operator's brand, only if one was configured: it replaces a name in literal messages. */
  readonly brand?: string;
  /** Where credits are bought: part of every refusal for credit. */
  readonly billingUrl: string;
  /** Told of every request that is refused for want of credit. Must return at once. */
  readonly onOutOfCredit?: (organizationId: OrganizationId) => void;
  readonly logger: LoggerOptions;
  /** How long running requests may go on once the process is to end. */
  readonly drainSeconds: number;
  readonly version?: string;
  readonly pumpLimits?: PumpLimits;
  readonly replayLimits?: ReplayLimits;
  /** Server tools without a bound are held as that many uses; absent or 0 refuses them (H2). */
  readonly carriedToolUses?: number;
  /** How long an answer may wait for the ledger, if even the journal fails, in ms. */
  readonly settlePatienceMs?: number;
  /** How long a stream may be silent before its client is sent a ping, in ms. */
  readonly pingAfterMs?: number;
  /** More routes on the same port, behind the same door: edges do not import each other. */
  readonly register?: (app: FastifyInstance, door: Door) => Promise<void>;
}

/** Who may come in, for routes of another edge. */
export interface Door {
  readonly guard: ReturnType<typeof guard>;
  readonly callerOf: typeof callerOf;
}

/** Keys are looked up in `pool`; money goes through `charging` alone. */
export type GatewayDeps = Omit<
  GatewayParts,
  'findKey' | 'files' | 'containers' | 'wouldHold' | 'claims'
> & {
  readonly pool: Pool;
};

export interface Gateway {
  readonly app: FastifyInstance;
  /** Looks after the message batches that are due. To be called every few seconds, by any process. */
  keepBatches(): Promise<void>;
  /** Port 0 takes a free one. The answer is the URL without a final slash. */
  listen(host: string, port: number): Promise<string>;
  /** Refuses new requests and waits for the running ones, at most `drainSeconds`. */
  drain(): Promise<void>;
  /** How each upstream does, as this process sees it. */
  upstreams(): readonly UpstreamState[];
  /** Stops at once: what still runs is cut off and costs nothing. */
  close(): Promise<void>;
}

/** The largest Messages request the public API takes: 32 MB. */
const BODY_BYTES_MAX = 33_554_432;
const SETTLE_PATIENCE_MS = 10_000;
const CLOSE_GRACE_MS = 2_000;

export function createGateway(deps: GatewayDeps): Promise<Gateway> {
  const { pool } = deps;
  return assembleGateway({
    ...deps,
    findKey: keyFinder((digests) => findKeys(pool, digests)),
    files: fileOwners(pool),
    containers: containerOwners(pool),
    wouldHold: (command) => wouldHold(pool, command),
    claims: {
      claim: (claim) => claimKey(pool, claim),
      release: (claim) => releaseKey(pool, claim),
    },
  });
}

export async function assembleGateway(parts: GatewayParts): Promise<Gateway> {
  const { charging, journal, prices, clock, brand, rates, carriedToolUses = 0 } = parts;
  const app = await createApp({
    entropy: parts.entropy,
    logger: parts.logger,
    bodyLimit: BODY_BYTES_MAX,
    about: {
      title: 'Bursar gateway',
      version: parts.version ?? '0.1.0',
      description: 'The Messages API, with every call paid from prepaid credit.',
    },
  });
  const { log } = app;
  const fleet = fleetOf(parts.upstream);
  const upstream = openUpstreamPool({
    ...{ clock, entropy: parts.entropy, specs: fleet.specs(), timeouts: fleet.timeouts },
    onHealth: (change) => log.warn({ upstream: change }, 'health of an upstream'),
  });
  fleet.onChange((specs) => upstream.replace(specs));
  const patienceMs = parts.settlePatienceMs ?? SETTLE_PATIENCE_MS;
  const booked = settlements({
    settle: (command) => (journal ?? charging).settle(command),
    clock,
    patienceMs,
    onTrouble: ({ requestId }, why) => log.warn({ reqId: requestId, why }, 'settlement'),
  });
  const breaker = quarantineBreaker(clock);
  const things: ThingOwners = { files: parts.files, containers: parts.containers ?? noContainers };
  const desk: Desk = {
    upstream,
    settlements: booked,
    pumps: pumps(parts.pumpLimits ?? PUMP_LIMITS),
    clock,
    extend: (command) => charging.extend(command),
    patienceMs,
    billingUrl: parts.billingUrl,
    breaker,
    brand,
    log,
    pingAfterMs: parts.pingAfterMs,
    noteMade: noteMade(things, (error) => log.error({ err: error }, 'whose it is was not noted')),
  };
  const door = keyDoor({
    find: parts.findKey,
    pepper: parts.pepper,
    // The page beside the one where credits are bought.
    keysUrl: new URL('keys', parts.billingUrl).href,
    clock,
    onLookupFailed: (error) => log.error({ err: error }, 'key lookup failed'),
  });
  const running = inFlight();
  const admission = {
    charging,
    prices,
    time: businessTime(),
    breaker,
    carriedToolUses,
    billingUrl: parts.billingUrl,
    onOutOfCredit: parts.onOutOfCredit,
    giveBack: (call: Parameters<typeof verdict>[0]) =>
      void booked.release(
        verdict(call, { how: 'refused' }, { upstreamStatus: null, clientDisconnected: false })
          .command,
      ),
  };
  app.decorateRequest(CALLER_DECORATION, null);
  app.addHook('onRequest', admitOrigin);
  registerProbes(app);
  registerMessages(app, {
    ...{ desk, door, admission, running, rates, clock },
    replayRoom: replayRoom(parts.replayLimits ?? REPLAY_LIMITS),
    turns: turns({
      claims: parts.claims,
      clock,
      onTrouble: (requestId, error) => log.error({ reqId: requestId, err: error }, 'idempotency'),
    }),
  });
  app.addHook('preHandler', ownThingsOnly(things));
  registerFiles(app, { door, running, upstream, owners: parts.files });
  const models = upstreamModels(upstream, clock);
  registerModels(app, { prices, door, running, clock, upstreamModels: models });
  registerQuote(app, {
    ...{ prices, door, running, clock, upstream, brand, billingUrl: parts.billingUrl },
    ...{ wouldHold: parts.wouldHold, carriedToolUses },
  });
  await parts.register?.(app, { guard: guard({ door, running }), callerOf });
  const keepBatches =
    parts.pool &&
    registerBatches(app, {
      ...{ pool: parts.pool, prices, door, running, charging, fleet: upstream, things, breaker },
      ...{ log, brand, noteMade: desk.noteMade },
      ...{ wouldHold: parts.wouldHold, entropy: parts.entropy, carriedToolUses },
      ...{ billingUrl: parts.billingUrl, publicUrl: parts.publicUrl, rates },
    });

  return {
    app,
    keepBatches: async () => await keepBatches?.(),
    listen: (host, port) => app.listen({ host, port }),
    drain: () => running.drain(parts.drainSeconds * 1_000),
    upstreams: () => upstream.health(),
    async close() {
      running.refuseNew();
      running.cutAll();
      await running.idle(CLOSE_GRACE_MS);
      await booked.close(CLOSE_GRACE_MS);
      await upstream.close();
      await rates?.close();
      // What is left are requests still being received; they could hold the server for minutes.
      const sweep = setInterval(() => app.server.closeAllConnections(), 50);
      await app.close().finally(() => clearInterval(sweep));
    },
  };
}
