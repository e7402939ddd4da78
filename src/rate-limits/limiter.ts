import type { Clock } from '#kernel/clock';
import type { Rule } from './bucket.ts';
import { openRounds, soonest } from './rounds.ts';
import { Share, type Standing } from './share.ts';
import type { BucketName, BucketStore } from './store.ts';
import type { LimitKind } from './tiers.ts';

/** What one request wants of one bucket. */
export interface Demand {
  readonly bucket: BucketName;
  readonly rule: Rule;
  /** There must be that many units. */
  readonly units: number;
  /** Whether they are used by entering; else they are counted as they are produced. */
  readonly uses: boolean;
  /** Whose limit it is. */
  readonly scope: LimitScope;
}

export type LimitScope = 'organization' | 'workspace';

export type Entrance = Entered | Refusal;

/** A request that may go on. Its counts can be corrected until it is over, as often as needed. */
export interface Entered {
  readonly outcome: 'entered';
  /** What has really been used of a kind so far, from the beginning of the request. */
  count(kind: LimitKind, units: number): void;
  standings(): Standings;
}

export interface Refusal {
  readonly outcome: 'refused';
  /** The limit that is reached; of several, the one that takes longest to have room again. */
  readonly kind: LimitKind;
  readonly scope: LimitScope;
  readonly perMinute: number;
  readonly retryAfterMs: number;
  standings(): Standings;
}

/** Of each kind the limit with the least left. */
export type Standings = ReadonlyMap<LimitKind, Standing>;

export interface Limiter {
  /** Takes from all these buckets, or from none and says why. Never rejects. */
  enter(demands: readonly Demand[]): Promise<Entrance>;
  /** To be called a few times a second: says debts, gives back what nobody uses. */
  tick(): void;
  /** Gives back everything, if the store answers soon. */
  close(): Promise<void>;
}

export interface LimiterOptions {
  readonly store: BucketStore;
  readonly clock: Clock;
  readonly onFailure: (error: unknown) => void;
  /** How long a request waits for the store at most; then this node decides alone. */
  readonly patienceMs?: number;
}

const PATIENCE_MS = 50;
const IDLE_MS = 2_000;
const FORGET_MS = 120_000;
/** Others may take what a round brought; who was passed that often is refused. */
const ROUNDS_MAX = 5;
const CLOSE_MS = 500;

export function openLimiter(options: LimiterOptions): Limiter {
  const { clock, patienceMs = PATIENCE_MS } = options;
  const shares = new Map<string, Share>();
  const rounds = openRounds({ ...options, patienceMs });

  function shareOf({ bucket, rule }: Demand): Share {
    const nowMs = clock.elapsedMs();
    const name = `${bucket.organizationId} ${bucket.pool} ${bucket.kind}`;
    const known = shares.get(name);
    const share = known ?? new Share(bucket, rule, nowMs);
    if (known === undefined) shares.set(name, share);
    share.rule = rule;
    share.touchedMs = nowMs;
    share.idle = false;
    return share;
  }

  /** Looks and takes in one turn, so that no two requests take the same units. */
  async function take(wants: readonly Want[]): Promise<Short | undefined> {
    for (let round = 0; ; round += 1) {
      const nowMs = clock.elapsedMs();
      const short = wants.filter(({ share, units }) => share.hand < units);
      if (short.length === 0) return takeAll(wants);
      if (rounds.silent()) {
        void rounds.ask(short);
        const late = longest(short.map((want) => waitAlone(want, rounds.nodes(), nowMs)));
        return late ?? takeAll(wants);
      }
      const out = short.filter(({ share, units }) => share.reach(nowMs) < units);
      const late = round < ROUNDS_MAX ? out : short;
      if (late.length > 0) return longest(late.map((want) => waitShared(want, nowMs)));
      await waitFor(short);
    }
  }

  async function waitFor(short: readonly Want[]): Promise<void> {
    for (const { share, units } of short) share.waiting += units;
    await rounds.soon(short).finally(() => {
      for (const { share, units } of short) share.waiting -= units;
    });
  }

  return {
    async enter(demands) {
      const wants = demands.map((demand) => ({ ...demand, share: shareOf(demand) }));
      const late = await take(wants);
      const standings = () => standingsOf(wants, clock.elapsedMs());
      if (late !== undefined) {
        const { bucket, rule, scope } = late.want;
        const retry = { retryAfterMs: late.waitMs, standings };
        const { perMinute } = rule;
        return { outcome: 'refused', kind: bucket.kind, scope, perMinute, ...retry };
      }
      rounds.refill(wants);
      const counted = wants.map(({ uses, units }) => (uses ? units : 0));
      return {
        outcome: 'entered',
        standings,
        count(kind, units) {
          wants.forEach((want, index) => {
            const more = units - (counted[index] ?? 0);
            if (want.bucket.kind !== kind || more === 0) return;
            counted[index] = units;
            // A long answer may outlive the share it began with.
            const share = shareOf(want);
            share.use(more);
            rounds.refill([{ share }]);
          });
        },
      };
    },
    tick() {
      const nowMs = clock.elapsedMs();
      const due: { share: Share }[] = [];
      for (const [name, share] of shares) {
        share.idle = nowMs - share.touchedMs > IDLE_MS;
        if (share.hand < 0 || (share.idle && share.hand > 0)) due.push({ share });
        else if (nowMs - share.touchedMs > FORGET_MS) shares.delete(name);
      }
      if (due.length > 0) void rounds.ask(due);
    },
    async close() {
      const held = [...shares.values()].filter(({ hand }) => hand !== 0);
      for (const share of held) share.idle = true;
      const lastMs = Math.max(CLOSE_MS, patienceMs);
      if (held.length > 0) await soonest(rounds.ask(held.map((share) => ({ share }))), lastMs);
    },
  };
}

interface Want extends Demand {
  readonly share: Share;
}

interface Short {
  readonly want: Want;
  readonly waitMs: number;
}

function takeAll(wants: readonly Want[]): undefined {
  for (const { share, units, uses } of wants) if (uses) share.use(units);
}

function waitShared(want: Want, nowMs: number): Short {
  return { want, waitMs: Math.max(1, want.share.msUntil(want.units, nowMs)) };
}

/** Undefined if it fits into this node's part. */
function waitAlone(want: Want, nodes: number, nowMs: number): Short | undefined {
  // What is more than the part of one node would never fit; it goes when the part is whole.
  const waitMs = want.share.aloneMsUntil(nodes, want.units, nowMs);
  return waitMs === 0 ? undefined : { want, waitMs };
}

function longest(all: readonly (Short | undefined)[]): Short | undefined {
  let found: Short | undefined;
  for (const one of all) {
    if (one !== undefined && one.waitMs > (found?.waitMs ?? 0)) found = one;
  }
  return found;
}

function standingsOf(wants: readonly Want[], nowMs: number): Standings {
  const least = new Map<LimitKind, Standing>();
  for (const { bucket, share } of wants) {
    const standing = share.standing(nowMs);
    const other = least.get(bucket.kind);
    if (other === undefined || standing.remaining < other.remaining) {
      least.set(bucket.kind, standing);
    }
  }
  return least;
}
