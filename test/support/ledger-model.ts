import type { GrantKind } from '#ledger/grants';

/** Times are milliseconds; one microsecond is 0.001. */
export interface ModelGrant {
  readonly id: string;
  readonly kind: GrantKind;
  readonly source: string;
  readonly amount: bigint;
  readonly tax: bigint;
  readonly grantedAt: number;
  readonly expiresAt: number;
  remaining: bigint;
  /** Since when a freeze or a void keeps it from being promised. */
  stoppedAt: number | null;
  voided: boolean;
  /** Booked as breakage so far. */
  broken: bigint;
  repaid: bigint;
}

export interface ModelKey {
  readonly workspace: string;
  readonly expiresAt?: number;
  revoked: boolean;
}

export interface ModelHold {
  readonly id: string;
  readonly key: string;
  readonly placedAt: number;
  amount: bigint;
  readonly grown: { readonly at: number; readonly by: bigint }[];
  leaseUntil: number;
  state: 'open' | 'settled' | 'voided' | 'expired' | 'settled_late' | 'superseded';
  charged: bigint;
}

export interface ModelEntry {
  readonly transaction: number;
  readonly reason: string;
  readonly from: string;
  readonly to: string;
  readonly amount: bigint;
  readonly reference: string;
  readonly happenedAt: number;
}

export type ModelLine = readonly [reason: string, from: string, to: string, amount: bigint];

export interface Asked {
  readonly kind: 'place' | 'extend';
  readonly id: string;
  readonly key: string | null;
  readonly amount: bigint;
  /**
   * What PostgreSQL answered. Only asked where the rules are silent: what bounds a hold that grows
   * in a later month, if its own month was not counted by the limit.
   */
  readonly told?: Promised;
}

export interface Promised {
  readonly outcome: string;
  readonly level: string | null;
  readonly subject: string | null;
}

export interface Resolving {
  readonly id: string;
  readonly resolution: 'settle' | 'void';
  readonly cost: bigint;
  readonly loss: bigint;
  readonly happenedAt: number | null;
}

export interface Resolved {
  readonly outcome: 'settled' | 'voided' | 'already_resolved' | 'unknown_hold';
  readonly charged: bigint;
  readonly overrun: bigint;
  readonly late: boolean;
}

export interface ModelLimit {
  readonly level: 'organization' | 'workspace' | 'api_key';
  readonly subject: string;
  amount: bigint;
  pauses: boolean;
  /** The month in which it began to count, as YYYY-MM. */
  readonly since: string;
}

/** One place for two holds of one id in one batch: the database takes neither. */
export class Twins extends Error {}

const smaller = (a: bigint, b: bigint): bigint => (a < b ? a : b);
const positive = (a: bigint): bigint => (a > 0n ? a : 0n);
export const sumOf = (amounts: Iterable<bigint>): bigint => {
  let total = 0n;
  for (const amount of amounts) total += amount;
  return total;
};

export const monthOf = (at: number): string => new Date(at).toISOString().slice(0, 7);

/** Soonest expiry, given before bought, oldest, then id. */
function burnsBefore(a: ModelGrant, b: ModelGrant): number {
  const bought = (g: ModelGrant): number => (g.kind === 'purchase' ? 1 : 0);
  return (
    a.expiresAt - b.expiresAt ||
    bought(a) - bought(b) ||
    a.grantedAt - b.grantedAt ||
    (a.id < b.id ? -1 : 1)
  );
}

/**
 * The rules of money for one organization in the plainest words: lists, no SQL, no concurrency.
 * Where it and PostgreSQL disagree, one of them is wrong. Grants that end otherwise than by use are
 * in `ledger-model-grants.ts`.
 */
export class LedgerModel {
  /** Business time and real time, set by whoever tells the history. */
  now = 0;
  real = 0;
  grants: ModelGrant[] = [];
  readonly holds = new Map<string, ModelHold>();
  readonly entries: ModelEntry[] = [];
  readonly keys = new Map<string, ModelKey>();
  readonly limits: ModelLimit[] = [];
  readonly id: string;
  suspended = false;
  frozen = 0n;
  debt = 0n;
  #transactions = 0;

  constructor(id = 'the organization') {
    this.id = id;
  }

  copy(): LedgerModel {
    const twin = new LedgerModel(this.id);
    twin.now = this.now;
    twin.real = this.real;
    twin.grants = structuredClone(this.grants);
    for (const [id, hold] of this.holds) twin.holds.set(id, structuredClone(hold));
    for (const [id, key] of this.keys) twin.keys.set(id, { ...key });
    twin.limits.push(...structuredClone(this.limits));
    twin.entries.push(...this.entries);
    twin.suspended = this.suspended;
    twin.frozen = this.frozen;
    twin.debt = this.debt;
    twin.#transactions = this.#transactions;
    return twin;
  }

  /** Writes one transaction and moves nothing: balances are the caller's. */
  post(reference: string, lines: readonly ModelLine[], happenedAt = this.now): void {
    const moving = lines.filter(([, , , amount]) => amount > 0n);
    if (moving.length === 0) return;
    this.#transactions += 1;
    for (const [reason, from, to, amount] of moving) {
      const transaction = this.#transactions;
      this.entries.push({ transaction, reason, from, to, amount, reference, happenedAt });
    }
  }

  /** Until when a grant may be promised. Half-open: usable while now is before it. */
  usableUntil(grant: ModelGrant): number {
    return Math.min(grant.expiresAt, grant.stoppedAt ?? Number.POSITIVE_INFINITY);
  }

  get live(): ModelGrant[] {
    return this.grants.filter((g) => g.remaining > 0n && this.usableUntil(g) > this.now);
  }

  /** Earliest stopped first: the fewest holds may use it. */
  get stopped(): ModelGrant[] {
    return this.grants
      .filter((g) => g.remaining > 0n && this.usableUntil(g) <= this.now)
      .sort((a, b) => this.usableUntil(a) - this.usableUntil(b) || burnsBefore(a, b));
  }

  /** Open holds that count: when its lease has passed a hold no longer does (H4). */
  get open(): ModelHold[] {
    return this.unbooked.filter((hold) => hold.leaseUntil > this.real);
  }

  /** Open holds, and those that lapsed but nobody has booked that yet. */
  get unbooked(): ModelHold[] {
    return [...this.holds.values()].filter((hold) => hold.state === 'open');
  }

  get held(): bigint {
    return sumOf(this.open.map((hold) => hold.amount));
  }

  /** What a hold promised before an instant. */
  promisedBefore(hold: ModelHold, at: number): bigint {
    if (hold.placedAt >= at) return 0n;
    return hold.amount - sumOf(hold.grown.filter((g) => g.at >= at).map((g) => g.by));
  }

  /** What each grant that has stopped still covers of these holds. */
  covers(holds: readonly ModelHold[]): Map<ModelGrant, bigint> {
    const covers = new Map<ModelGrant, bigint>();
    for (const grant of this.stopped) {
      const until = this.usableUntil(grant);
      const early = sumOf(holds.map((hold) => this.promisedBefore(hold, until)));
      covers.set(grant, smaller(grant.remaining, positive(early - sumOf(covers.values()))));
    }
    return covers;
  }

  /** Usable credit without what these holds need of it. */
  #beside(holds: readonly ModelHold[]): bigint {
    const held = sumOf(holds.map((hold) => hold.amount));
    return sumOf(this.live.map((g) => g.remaining)) - held + sumOf(this.covers(holds).values());
  }

  get available(): bigint {
    return this.#beside(this.open);
  }

  /** As long as a lapse is not booked, what it held is not given to anybody else but a request. */
  get unpromised(): bigint {
    return this.#beside(this.unbooked);
  }

  get lapsed(): ModelHold[] {
    return this.unbooked.filter((hold) => hold.leaseUntil <= this.real);
  }

  /** Books the lapse of holds. Nothing but `unpromised` may depend on it. */
  lapse(holds: readonly ModelHold[] = this.lapsed): void {
    for (const hold of holds) hold.state = 'expired';
  }

  renew(ids: readonly string[], leaseMs: number): void {
    for (const id of ids) {
      const hold = this.holds.get(id);
      if (hold?.state !== 'open' || hold.leaseUntil <= this.real) continue;
      hold.leaseUntil = Math.max(hold.leaseUntil, this.real + leaseMs);
    }
  }

  /** What the holds of a month have been charged or may still be charged. */
  spent(limit: ModelLimit, month = monthOf(this.now)): bigint {
    let spent = 0n;
    for (const hold of this.holds.values()) {
      if (!this.#bounds(limit, hold.key) || monthOf(hold.placedAt) !== month) continue;
      const counts = hold.state === 'open' && hold.leaseUntil > this.real;
      spent += counts ? hold.amount : hold.charged;
    }
    return spent;
  }

  #bounds(limit: ModelLimit, key: string): boolean {
    const workspace = this.keys.get(key)?.workspace;
    return limit.subject === { organization: this.id, workspace, api_key: key }[limit.level];
  }

  /** The tightest limit that does not let `more` be promised, the widest of equals. */
  refusing(key: string, more: bigint, month: string): ModelLimit | undefined {
    const order = ['organization', 'workspace', 'api_key'];
    const widest = this.limits
      .filter((limit) => limit.pauses && this.#bounds(limit, key))
      .sort((a, b) => order.indexOf(a.level) - order.indexOf(b.level));
    let found: { limit: ModelLimit; room: bigint } | undefined;
    for (const limit of widest) {
      const room = limit.amount - this.spent(limit, month);
      const needed = more > 1n ? more : 1n;
      if (room < needed && (found === undefined || room < found.room)) found = { limit, room };
    }
    return found?.limit;
  }

  /** Whether every limit counted this month, and it is this one or the last. */
  #counted(key: string, month: string): boolean {
    const [year = 0, last = 0] = month.split('-').map(Number);
    const next = new Date(Date.UTC(year, last)).toISOString().slice(0, 7);
    if (month === monthOf(this.now)) return true;
    const bounding = this.limits.filter((limit) => limit.pauses && this.#bounds(limit, key));
    return next === monthOf(this.now) && bounding.every(({ since }) => since <= month);
  }

  #refused(asked: Asked): string | undefined {
    if (asked.kind === 'extend') return undefined;
    const key = asked.key === null ? undefined : this.keys.get(asked.key);
    if (key === undefined) return 'key_revoked';
    if (this.suspended) return 'organization_suspended';
    const { revoked, expiresAt = Number.POSITIVE_INFINITY } = key;
    return revoked ? 'key_revoked' : expiresAt <= this.now ? 'key_expired' : undefined;
  }

  /** Takes and extends holds that came together, in order. */
  promise(batch: readonly Asked[], leaseMs: number): Promised[] {
    const before = new Map([...this.holds].map(([id, hold]) => [id, { ...hold }]));
    return batch.map((asked) => {
      const refusal = this.#refused(asked);
      const [outcome, limit] =
        refusal === undefined ? this.#one(asked, before.get(asked.id), leaseMs) : [refusal];
      return { outcome, level: limit?.level ?? null, subject: limit?.subject ?? null };
    });
  }

  #one(asked: Asked, before: ModelHold | undefined, leaseMs: number): [string, ModelLimit?] {
    const lapsed = before?.state === 'open' && before.leaseUntil <= this.real;
    const hold = before === undefined ? undefined : this.holds.get(asked.id);
    let more = asked.amount;
    let placedAt = this.now;
    if (asked.kind === 'extend') {
      if (before === undefined || hold === undefined) return ['unknown_hold'];
      if (before.state === 'expired' || lapsed) return ['hold_expired'];
      if (before.state !== 'open') return ['already_resolved'];
      more = asked.amount - hold.amount;
      placedAt = hold.placedAt;
      if (more <= 0n) return ['held'];
    } else if (before !== undefined) {
      return [before.state === 'open' && !lapsed ? 'held' : 'already_resolved'];
    }
    if (this.debt > 0n) return ['in_debt'];
    const key = hold?.key ?? asked.key ?? '';
    const month = monthOf(placedAt);
    const { told } = asked;
    const silent = told !== undefined && !this.#counted(key, month);
    const named = this.limits.find((l) => l.level === told?.level && l.subject === told.subject);
    const limit = silent ? named : this.refusing(key, more, month);
    if (limit !== undefined) return ['limit_reached', limit];
    if (more > this.available || this.available <= 0n) return ['insufficient_credit'];
    if (hold !== undefined) {
      hold.amount += more;
      hold.grown.push({ at: this.now, by: more });
      return ['held'];
    }
    if (this.holds.has(asked.id)) throw new Twins(asked.id);
    const leaseUntil = this.real + leaseMs;
    const { id, amount } = asked;
    const fresh = { id, key, placedAt, amount, grown: [], leaseUntil, charged: 0n };
    this.holds.set(id, { ...fresh, state: 'open' });
    return ['held'];
  }

  resolve({ id, resolution, cost, loss, happenedAt }: Resolving): Resolved {
    const hold = this.holds.get(id);
    const nothing = { charged: 0n, overrun: 0n, late: false };
    if (hold === undefined) return { outcome: 'unknown_hold', ...nothing };
    if (hold.state !== 'open' && hold.state !== 'expired') {
      return { outcome: 'already_resolved', ...nothing, charged: hold.charged };
    }
    const late = hold.state === 'expired' || hold.leaseUntil <= this.real;
    hold.state = resolution === 'void' ? 'voided' : late ? 'settled_late' : 'settled';
    const lines: ModelLine[] = [
      ['upstream.loss', 'operator_upstream_loss', 'upstream_unbilled', loss],
    ];
    let overrun = 0n;
    if (resolution === 'settle') {
      const promised = late ? 0n : smaller(cost, hold.amount);
      // What nobody holds. Cover by stopped grants is left out, in favour of the customer.
      const free = positive(sumOf(this.live.map((g) => g.remaining)) - this.held - promised);
      const charge = late
        ? smaller(smaller(cost, hold.amount), free)
        : promised + smaller(cost - promised, free);
      lines.push(...this.#charge(hold, charge, promised));
      hold.charged = charge;
      overrun = cost - charge;
      lines.push(['usage.overrun', 'operator_overrun', 'revenue', overrun]);
    }
    // Neither before it was admitted nor in the future, whatever a journal says.
    const happened = Math.min(Math.max(happenedAt ?? this.now, hold.placedAt), this.now);
    this.post(id, lines, happened);
    return {
      outcome: resolution === 'void' ? 'voided' : 'settled',
      charged: hold.charged,
      overrun,
      late,
    };
  }

  /** Stopped grants pay first, for what was promised before they stopped; then usable ones. */
  #charge(hold: ModelHold, charge: bigint, promised: bigint): ModelLine[] {
    const lines: ModelLine[] = [];
    let rest = charge;
    let owing = promised;
    const pay = (grant: ModelGrant, most: bigint): void => {
      const part = smaller(most, grant.remaining);
      if (part <= 0n) return;
      grant.remaining -= part;
      rest -= part;
      owing -= part;
      lines.push(['usage.settle', `grant:${grant.id}`, 'revenue', part]);
    };
    for (const grant of this.stopped) {
      const early = this.promisedBefore(hold, this.usableUntil(grant));
      pay(grant, smaller(owing, early - (charge - rest)));
    }
    for (const grant of this.live.sort(burnsBefore)) pay(grant, rest);
    if (rest > 0n) throw new Error(`open holds were not covered: ${rest} of ${hold.id}`);
    return lines;
  }
}
