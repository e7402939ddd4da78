import { type NanoUsd, nanos } from '#kernel/money';
import { byBurnDown, type GrantKind } from '#ledger/grants';

interface ModelGrant {
  readonly id: string;
  readonly kind: GrantKind;
  readonly grantedAt: Date;
  readonly expiresAt: Date;
  remaining: bigint;
}

interface ModelHold {
  readonly amount: bigint;
  readonly placedAt: number;
}

/**
 * The rules of money for one organization in the plainest words: lists, no SQL, no concurrency.
 * Where it and PostgreSQL disagree, one of them is wrong.
 */
export class LedgerModel {
  now = 0;
  readonly grants: ModelGrant[] = [];
  readonly holds = new Map<string, ModelHold>();
  overrun = 0n;
  revenue = 0n;

  grant(id: string, kind: GrantKind, amount: bigint, grantedAt: Date, expiresAt: Date): void {
    this.grants.push({ id, kind, grantedAt, expiresAt, remaining: amount });
    this.grants.sort(byBurnDown);
  }

  get held(): NanoUsd {
    let total = 0n;
    for (const hold of this.holds.values()) total += hold.amount;
    return nanos(total);
  }

  get #live(): bigint {
    return this.grants
      .filter((g) => g.expiresAt.getTime() > this.now)
      .reduce((total, g) => total + g.remaining, 0n);
  }

  /** Part of the open holds that grants which have expired since still cover. */
  get #covered(): bigint {
    let covered = 0n;
    for (const grant of this.grants) {
      const end = grant.expiresAt.getTime();
      if (end > this.now || grant.remaining === 0n) continue;
      let early = 0n;
      for (const hold of this.holds.values()) if (hold.placedAt < end) early += hold.amount;
      const open = early > covered ? early - covered : 0n;
      covered += open < grant.remaining ? open : grant.remaining;
    }
    return covered;
  }

  get available(): NanoUsd {
    return nanos(this.#live - this.held + this.#covered);
  }

  hold(id: string, amount: bigint): 'held' | 'insufficient_credit' {
    if (amount > this.available || this.available <= 0n) return 'insufficient_credit';
    this.holds.set(id, { amount, placedAt: this.now });
    return 'held';
  }

  void(id: string): void {
    this.holds.delete(id);
  }

  settle(id: string, cost: bigint): NanoUsd {
    const hold = this.holds.get(id);
    if (hold === undefined) throw new Error(`no hold ${id}`);
    this.holds.delete(id);
    const inside = cost < hold.amount ? cost : hold.amount;
    // Beyond the hold only credit that is neither held nor expired may be taken (S13).
    const free = this.#live - this.held - inside;
    const beyond = cost - inside < free ? cost - inside : free > 0n ? free : 0n;
    const charged = this.#take(inside + beyond, hold);
    this.overrun += cost - charged;
    return nanos(charged);
  }

  #take(amount: bigint, hold: ModelHold): bigint {
    let rest = amount;
    for (const grant of this.grants) {
      const end = grant.expiresAt.getTime();
      if (end <= this.now && end <= hold.placedAt) continue;
      const part = rest < grant.remaining ? rest : grant.remaining;
      grant.remaining -= part;
      rest -= part;
    }
    this.revenue += amount - rest;
    return amount - rest;
  }
}
