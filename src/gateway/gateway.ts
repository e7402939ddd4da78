import type { FastifyInstance } from 'fastify';
import type { LivePrices } from '#catalog/live';
import type { Charging } from '#charging/charging';
import type { HoldCommand, HoldOutcome } from '#charging/commands';
import type { Journal } from '#charging/journal';
import { wouldHold } from '#charging/would-hold';
import type { Pool } from '#db/pool';
import { keyDoor } from '#gateway/auth';
import { quarantineBreaker } from '#gateway/breaker';
import { businessTime } from '#gateway/business-time';
import type { Desk } from '#gateway/desk';
import { CALLER_DECORATION } from '#gateway/guard';
import { inFlight } from '#gateway/in-flight';
import { registerMessages } from '#gateway/messages';
import { registerModels } from '#gateway/models';
import { PUMP_LIMITS, type PumpLimits, pumps } from '#gateway/pumps';
import { registerQuote } from '#gateway/quote';
import { settlements } from '#gateway/settlement';
import { openUpstream, type UpstreamOptions } from '#gateway/upstream';
import { verdict } from '#gateway/verdict';
import { createApp } from '#http/app';
import type { LoggerOptions } from '#http/request-log';
import type { Clock } from '#kernel/clock';
import type { Entropy } from '#kernel/ids';
import type { FoundKey } from '#orgs/key-lookup';
import { findKey } from '#orgs/key-lookup';

export interface GatewayParts {
  readonly findKey: (digest: Buffer) => Promise<FoundKey | undefined>;
  readonly charging: Charging;
  /** Where a settlement is safe that the store does not answer. Without one, answers wait for it. */
  readonly journal?: Journal;
  readonly prices: LivePrices;
  /** What a hold would be answered now, for quotes. */
  readonly wouldHold: (command: HoldCommand) => Promise<HoldOutcome>;
  readonly upstream: UpstreamOptions;
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly pepper: Buffer;
  /** The operator's brand, only if one was configured: it replaces a name in literal messages. */
  readonly brand?: string;
  /** Where credits are bought: part of every refusal for credit. */
  readonly billingUrl: string;
  readonly logger: LoggerOptions;
  /** How long running requests may go on once the process is to end. */
  readonly drainSeconds: number;
  readonly version?: string;
  readonly pumpLimits?: PumpLimits;
  /** Server tools without a bound are held as that many uses; absent or 0 refuses them (H2). */
  readonly carriedToolUses?: number;
  /** How long the last bytes of an answer may wait if even the journal fails, in ms. */
  readonly settlePatienceMs?: number;
}

/** Keys are looked up in `pool`; money goes through `charging` alone. */
export type GatewayDeps = Omit<GatewayParts, 'findKey' | 'wouldHold'> & { readonly pool: Pool };

export interface Gateway {
  readonly app: FastifyInstance;
  /** Port 0 takes a free one. The answer is the URL without a final slash. */
  listen(host: string, port: number): Promise<string>;
  /** Refuses new requests and waits for the running ones, at most `drainSeconds`. */
  drain(): Promise<void>;
  /** Stops at once: what still runs is cut off and costs nothing. */
  close(): Promise<void>;
}

/** The largest Messages request the public API takes: 32 MB. */
const BODY_BYTES_MAX = 33_554_432;
const SETTLE_PATIENCE_MS = 10_000;
const CLOSE_GRACE_MS = 2_000;

export function createGateway(deps: GatewayDeps): Promise<Gateway> {
  const { pool, ...parts } = deps;
  return assembleGateway({
    ...parts,
    findKey: (digest) => findKey(pool, digest),
    wouldHold: (command) => wouldHold(pool, command),
  });
}

export async function assembleGateway(parts: GatewayParts): Promise<Gateway> {
  const { charging, journal, prices, clock, brand, carriedToolUses = 0 } = parts;
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
  const upstream = openUpstream(parts.upstream);
  const booked = settlements({
    settle: (command) => (journal ?? charging).settle(command),
    clock,
    patienceMs: parts.settlePatienceMs ?? SETTLE_PATIENCE_MS,
    onTrouble: ({ requestId }, why) => log.warn({ reqId: requestId, why }, 'settlement'),
  });
  const breaker = quarantineBreaker(clock);
  const desk: Desk = {
    upstream,
    settlements: booked,
    pumps: pumps(parts.pumpLimits ?? PUMP_LIMITS),
    breaker,
    brand,
    log,
  };
  const door = keyDoor({
    find: parts.findKey,
    pepper: parts.pepper,
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
    giveBack: (call: Parameters<typeof verdict>[0]) =>
      void booked.release(
        verdict(call, { how: 'refused' }, { upstreamStatus: null, clientDisconnected: false })
          .command,
      ),
  };
  app.decorateRequest(CALLER_DECORATION, null);
  registerMessages(app, { desk, door, admission, running, clock });
  registerModels(app, { prices, door, running, clock });
  registerQuote(app, {
    ...{ prices, door, running, clock, upstream, brand, billingUrl: parts.billingUrl },
    ...{ wouldHold: parts.wouldHold, carriedToolUses },
  });

  return {
    app,
    listen: (host, port) => app.listen({ host, port }),
    drain: () => running.drain(parts.drainSeconds * 1_000),
    async close() {
      running.refuseNew();
      running.cutAll();
      await running.idle(CLOSE_GRACE_MS);
      await booked.close(CLOSE_GRACE_MS);
      await upstream.close();
      // What is left are requests still being received; they could hold the server for minutes.
      const sweep = setInterval(() => app.server.closeAllConnections(), 50);
      await app.close().finally(() => clearInterval(sweep));
    },
  };
}
