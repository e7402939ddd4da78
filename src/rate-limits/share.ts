import { adjusted, type Level, msUntil, type Rule, refilled, unitsIn } from './bucket.ts';
import type { Ask, BucketName, Lease } from './store.ts';

/** What a lease may be of a bucket: small enough for many nodes, large enough to be seldom. */
const LEASE_SHARE_MIN = 256;
const LEASE_SHARE_MAX = 16;
/** Leases that last shorter than this double, those that last longer than that halve. */
const SOON_MS = 250;
const LATE_MS = 1_000;

/** What is left of a limit, as far as this node knows. */
export interface Standing {
  readonly perMinute: number;
  readonly remaining: number;
  /** Until the limit is whole again if nobody uses it. */
  readonly resetMs: number;
}

/** One bucket as one node sees it: the units it has leased, and what it last heard of the rest. */
export class Share {
  readonly bucket: BucketName;
  rule: Rule;
  /** Units leased and not used yet; negative: used and not yet said. */
  hand = 0;
  /** Units that requests wait for. */
  waiting = 0;
  touchedMs: number;
  /** Set once nothing is going on, so that others can use what is in hand. */
  idle = false;
  /** What was left for everyone, by this node's clock. Unknown until the first answer. */
  #rest: Level | undefined;
  /** Decides while the store is silent. */
  #alone: { rule: Rule; level: Level } | undefined;
  #lease: number;
  #askedMs: number;

  constructor(bucket: BucketName, rule: Rule, nowMs: number) {
    this.bucket = bucket;
    this.rule = rule;
    this.touchedMs = nowMs;
    this.#askedMs = nowMs;
    this.#lease = Math.ceil(rule.capacity / LEASE_SHARE_MIN);
  }

  /** Units this node could get now, at most; unbounded before anything was heard. */
  reach(nowMs: number): number {
    const rest = this.#restAt(nowMs);
    return rest === undefined ? Number.POSITIVE_INFINITY : this.hand + unitsIn(rest);
  }

  msUntil(units: number, nowMs: number): number {
    const rest = this.#restAt(nowMs);
    return rest === undefined ? 0 : msUntil(this.rule, this.#withHand(rest), units);
  }

  /** Whether the next lease should be asked for before this one is used up. */
  runsLow(nowMs: number): boolean {
    if (this.hand < 0) return true;
    return 2 * this.hand < this.#lease && this.reach(nowMs) > this.hand;
  }

  standing(nowMs: number): Standing {
    const alone = this.#alone;
    const rest = alone === undefined ? this.#restAt(nowMs) : undefined;
    const left =
      alone !== undefined
        ? unitsIn(refilled(alone.rule, alone.level, nowMs))
        : (rest === undefined ? this.rule.capacity : unitsIn(rest)) + this.hand;
    const { perMinute, capacity } = this.rule;
    const whole = rest === undefined ? 0 : msUntil(this.rule, this.#withHand(rest), capacity);
    return { perMinute, remaining: Math.max(0, Math.min(perMinute, left)), resetMs: whole };
  }

  /** What to tell the others. What is given back is out of hand from here on. */
  ask(nowMs: number): Ask {
    const since = nowMs - this.#askedMs;
    this.#askedMs = nowMs;
    if (since < SOON_MS) this.#lease *= 2;
    if (since > LATE_MS) this.#lease = Math.ceil(this.#lease / 2);
    const { capacity } = this.rule;
    const least = Math.ceil(capacity / LEASE_SHARE_MIN);
    this.#lease = Math.max(least, Math.min(this.#lease, Math.ceil(capacity / LEASE_SHARE_MAX)));
    const keep = this.idle ? 0 : 2 * this.#lease + this.waiting;
    const back = this.hand < 0 ? this.hand : Math.max(0, this.hand - keep);
    this.hand -= back;
    const want = this.idle ? 0 : Math.max(0, this.waiting + this.#lease - this.hand);
    return { bucket: this.bucket, rule: this.rule, back, want };
  }

  heard(lease: Lease, nowMs: number): void {
    this.hand += lease.granted;
    this.#rest = { scaled: lease.leftScaled, atMs: Math.floor(nowMs) };
    this.#alone = undefined;
  }

  /** The ask had no answer: a debt is said again, units given back are lost until they refill. */
  unheard(ask: Ask): void {
    this.hand += Math.min(0, ask.back);
  }

  /**
   * When that many units fit into this node's part of the limit, one of `nodes`: for as long as the
   * store is silent.
   */
  aloneMsUntil(nodes: number, units: number, nowMs: number): number {
    const level = this.#aloneAt(nodes, nowMs);
    return msUntil(this.#alone?.rule ?? this.rule, level, units);
  }

  /** Uses units. A node that decides alone owes them until it can say so. */
  use(units: number): void {
    this.hand -= units;
    if (this.#alone === undefined) return;
    const { rule, level } = this.#alone;
    this.#alone = { rule, level: adjusted(rule, level, -units) };
  }

  #withHand(rest: Level): Level {
    return adjusted(this.rule, rest, this.hand);
  }

  #restAt(nowMs: number): Level | undefined {
    return this.#rest === undefined ? undefined : refilled(this.rule, this.#rest, nowMs);
  }

  #aloneAt(nodes: number, nowMs: number): Level {
    if (this.#alone === undefined) {
      const part = (units: number): number => Math.max(1, Math.floor(units / nodes));
      const rule = { perMinute: part(this.rule.perMinute), capacity: part(this.rule.capacity) };
      const rest = this.#restAt(nowMs);
      const units = rest === undefined ? rule.capacity : Math.floor(unitsIn(rest) / nodes);
      const empty = { scaled: 0, atMs: Math.floor(nowMs) };
      this.#alone = { rule, level: adjusted(rule, empty, units + Math.max(0, this.hand)) };
    }
    const { rule, level } = this.#alone;
    this.#alone = { rule, level: refilled(rule, level, nowMs) };
    return this.#alone.level;
  }
}
