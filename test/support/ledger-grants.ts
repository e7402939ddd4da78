import type { LedgerModel, ModelGrant, ModelLine } from '#test/ledger-model';

/** How credit begins and ends otherwise than by use, for one organization, in plain words. */

export interface ModelFreeze {
  readonly grant: ModelGrant;
  state: 'frozen' | 'released' | 'seized';
  amount: bigint;
  endedAt: number;
  /**
   * What a lost dispute took: of frozen, of spent, of expired credit, and its tax. `promised` is the
   * part of the debt for which a hold still needs the credit: what it leaves repays that.
   */
  taken: { seized: bigint; debt: bigint; breakage: bigint; tax: bigint; promised: bigint };
}

export interface ModelRefund {
  readonly grant: ModelGrant;
  state: 'refunding' | 'paid' | 'failed';
  readonly amount: bigint;
  readonly tax: bigint;
  endedAt: number;
}

type Outcome = { readonly outcome: string } & Record<string, unknown>;

const smaller = (a: bigint, b: bigint): bigint => (a < b ? a : b);
const positive = (a: bigint): bigint => (a > 0n ? a : 0n);
const DAY = 86_400_000;

/** One calendar year later; from 29 February to 1 March. */
export function oneYearAfter(at: number): number {
  const date = new Date(at);
  const leapDay = date.getUTCMonth() === 1 && date.getUTCDate() === 29;
  const from = leapDay ? new Date(at + DAY) : date;
  return Date.UTC(
    from.getUTCFullYear() + 1,
    from.getUTCMonth(),
    from.getUTCDate(),
    from.getUTCHours(),
    from.getUTCMinutes(),
    from.getUTCSeconds(),
    from.getUTCMilliseconds(),
  );
}

export class GrantsModel {
  readonly ledger: LedgerModel;
  readonly freezes = new Map<string, ModelFreeze>();
  readonly refunds = new Map<string, ModelRefund>();

  constructor(ledger: LedgerModel) {
    this.ledger = ledger;
  }

  find(id: string): ModelGrant | undefined {
    return this.ledger.grants.find((grant) => grant.id === id);
  }

  #expired(grant: ModelGrant): boolean {
    return grant.expiresAt <= this.ledger.now;
  }

  /** Of what is left of a grant, the part that no hold needs. */
  #unpromised(grant: ModelGrant): bigint {
    return smaller(grant.remaining, positive(this.ledger.unpromised));
  }

  issue(g: {
    id: string;
    kind: ModelGrant['kind'];
    source: string;
    amount: bigint;
    tax?: bigint;
    grantedAt?: number;
    expiresAt?: number;
  }): Outcome {
    const { ledger } = this;
    const earlier = ledger.grants.find(({ source }) => source === g.source);
    if (earlier !== undefined) {
      return { outcome: 'already_issued', grantId: earlier.id, repaid: earlier.repaid };
    }
    const grantedAt = g.grantedAt ?? ledger.now;
    const expiresAt = g.expiresAt ?? oneYearAfter(grantedAt);
    const repaid = g.kind === 'purchase' ? smaller(g.amount, ledger.debt) : 0n;
    const tax = g.tax ?? 0n;
    ledger.debt -= repaid;
    ledger.grants.push({
      ...{ id: g.id, kind: g.kind, source: g.source, amount: g.amount, tax, grantedAt, expiresAt },
      ...{ remaining: g.amount - repaid, stoppedAt: null, voided: false, broken: 0n, repaid },
    });
    const account = `grant:${g.id}`;
    const lines: ModelLine[] =
      g.kind === 'purchase'
        ? [
            ['payment.received', 'processor_balance', 'stripe_clearing', g.amount + tax],
            ['credit.purchase', 'stripe_clearing', account, g.amount],
            ['payment.tax', 'stripe_clearing', 'tax_payable', tax],
            ['debt.repaid', account, 'customer_debt', repaid],
          ]
        : [[`credit.${g.kind}`, 'promo_expense', account, g.amount]];
    ledger.post(g.source, lines, grantedAt);
    return { outcome: 'issued', grantId: g.id, repaid };
  }

  /** Later than every promise that was made: those keep their cover. */
  #stop(grant: ModelGrant): void {
    const promises = this.ledger.unbooked.flatMap((h) => [h.placedAt, ...h.grown.map((g) => g.at)]);
    const now = Math.max(this.ledger.now, ...promises.map((at) => at + 0.001));
    grant.stoppedAt = Math.min(grant.stoppedAt ?? now, now);
  }

  #frozenBy(grant: ModelGrant): string | undefined {
    for (const [reference, f] of this.freezes) {
      if (f.grant === grant && f.state === 'frozen') return reference;
    }
    return undefined;
  }

  freeze(reference: string, id: string): Outcome {
    const grant = this.find(id);
    if (grant === undefined) return { outcome: 'unknown_grant' };
    if (grant.kind !== 'purchase') return { outcome: 'not_a_purchase' };
    const earlier = this.freezes.get(reference);
    if (earlier !== undefined) {
      return { outcome: `already_${earlier.state}`, amount: earlier.amount };
    }
    const other = this.#frozenBy(grant);
    if (other !== undefined) return { outcome: 'frozen_by_another', reference: other };
    const unusable = this.#expired(grant) || grant.stoppedAt !== null;
    const amount = unusable ? 0n : this.#unpromised(grant);
    this.#stop(grant);
    grant.remaining -= amount;
    this.ledger.frozen += amount;
    this.ledger.post(reference, [['dispute.freeze', `grant:${id}`, 'dispute_frozen', amount]]);
    const taken = { seized: 0n, debt: 0n, breakage: 0n, tax: 0n, promised: 0n };
    this.freezes.set(reference, { grant, state: 'frozen', amount, endedAt: 0, taken });
    return { outcome: 'frozen', amount };
  }

  release(reference: string): Outcome {
    const freeze = this.freezes.get(reference);
    if (freeze === undefined) return { outcome: 'unknown_freeze' };
    const { grant, amount } = freeze;
    if (freeze.state !== 'frozen') return { outcome: `already_${freeze.state}`, amount };
    grant.stoppedAt = null;
    grant.remaining += amount;
    this.ledger.frozen -= amount;
    this.ledger.post(reference, [
      ['dispute.release', 'dispute_frozen', `grant:${grant.id}`, amount],
    ]);
    freeze.state = 'released';
    freeze.endedAt = this.ledger.now;
    return { outcome: 'released', amount };
  }

  /** Credit and tax of a purchase that refunds and lost disputes have given back. */
  #givenBack(grant: ModelGrant) {
    const back = { refunded: 0n, seized: 0n, debt: 0n, breakage: 0n, tax: 0n };
    for (const refund of this.refunds.values()) {
      if (refund.grant !== grant || refund.state === 'failed') continue;
      back.refunded += refund.amount;
      back.tax += refund.tax;
    }
    for (const { grant: whose, taken } of this.freezes.values()) {
      if (whose !== grant) continue;
      back.seized += taken.seized;
      back.debt += taken.debt;
      back.breakage += taken.breakage;
      back.tax += taken.tax;
    }
    return { ...back, credit: back.refunded + back.seized + back.debt + back.breakage };
  }

  /** The tax of all that is given back by then, without what was given back before. */
  #taxOf(grant: ModelGrant, part: bigint, unit = 1n): bigint {
    const back = this.#givenBack(grant);
    const due = positive((grant.tax * (back.credit + part)) / grant.amount - back.tax);
    return due - (due % unit);
  }

  seize(reference: string, claimed?: bigint): Outcome {
    const { ledger } = this;
    const freeze = this.freezes.get(reference);
    if (freeze === undefined) return { outcome: 'unknown_freeze' };
    const { grant, amount } = freeze;
    if (freeze.state !== 'frozen') return { outcome: `already_${freeze.state}`, amount };
    this.#breakUncovered(grant);
    const back = this.#givenBack(grant);
    const claimable = grant.amount - back.credit;
    if (claimed !== undefined && claimed > claimable) {
      return { outcome: 'exceeds_payment', claimable };
    }
    const claim = claimed ?? claimable;
    const tax = this.#taxOf(grant, claim);
    const account = `grant:${grant.id}`;
    const used =
      grant.amount - grant.remaining - amount - grant.broken - back.refunded - back.seized;
    let rest = claim;
    const take = (most: bigint): bigint => {
      const part = smaller(rest, positive(most));
      rest -= part;
      return part;
    };
    const seized = take(amount);
    const spent = take(used - back.debt);
    const breakage = take(grant.broken - back.breakage);
    const promised = take(grant.remaining);
    const debt = spent + promised;
    const released = amount - seized;
    // What holds leave of the promised part repays the debt made of it: until then it stays stopped.
    if (promised === 0n) grant.stoppedAt = null;
    grant.remaining += released;
    ledger.frozen -= amount;
    ledger.debt += debt;
    ledger.post(reference, [
      ['dispute.seize', 'dispute_frozen', 'stripe_clearing', seized],
      ['dispute.debt', 'customer_debt', 'stripe_clearing', debt],
      ['dispute.breakage', 'breakage', 'stripe_clearing', breakage],
      ['dispute.tax', 'tax_payable', 'stripe_clearing', tax],
      ['dispute.withdrawn', 'stripe_clearing', 'processor_balance', claim + tax],
      ['dispute.release', 'dispute_frozen', account, released],
    ]);
    freeze.state = 'seized';
    freeze.endedAt = ledger.now;
    freeze.taken = { seized, debt, breakage, tax, promised };
    return { outcome: 'seized', seized, debt, breakage, tax, released };
  }

  refund(reference: string, id: string, asked: bigint | 'all', unit = 1n): Outcome {
    const grant = this.find(id);
    if (grant === undefined) return { outcome: 'unknown_grant' };
    const earlier = this.refunds.get(reference);
    if (earlier !== undefined) {
      return { outcome: `already_${earlier.state}`, amount: earlier.amount, tax: earlier.tax };
    }
    if (grant.kind !== 'purchase') return { outcome: 'not_a_purchase' };
    if (grant.stoppedAt !== null) return { outcome: 'frozen' };
    if (this.#expired(grant)) return { outcome: 'expired' };
    const unpaid = grant.amount - this.#givenBack(grant).credit;
    const most = smaller(this.#unpromised(grant), unpaid);
    const refundable = most - (most % unit);
    const amount = asked === 'all' ? refundable : asked;
    if (amount > refundable || refundable === 0n) return { outcome: 'exceeds_unspent', refundable };
    if (amount % unit !== 0n) return { outcome: 'not_payable' };
    const tax = this.#taxOf(grant, amount, unit);
    grant.remaining -= amount;
    this.ledger.post(reference, [
      ['refund.credit', `grant:${id}`, 'refund_clearing', amount],
      ['refund.tax', 'tax_payable', 'refund_clearing', tax],
    ]);
    this.refunds.set(reference, { grant, state: 'refunding', amount, tax, endedAt: 0 });
    return { outcome: 'refunding', amount, tax };
  }

  refundPaid(reference: string): Outcome {
    const refund = this.refunds.get(reference);
    if (refund === undefined) return { outcome: 'unknown_refund' };
    const { amount, tax } = refund;
    if (refund.state !== 'refunding') return { outcome: `already_${refund.state}`, amount, tax };
    this.ledger.post(reference, [
      ['refund.paid', 'refund_clearing', 'processor_balance', amount + tax],
    ]);
    refund.state = 'paid';
    refund.endedAt = this.ledger.now;
    return { outcome: 'paid', amount, tax };
  }

  refundFailed(reference: string): Outcome {
    const refund = this.refunds.get(reference);
    if (refund === undefined) return { outcome: 'unknown_refund' };
    const { amount, tax, grant } = refund;
    if (refund.state === 'failed') return { outcome: 'already_failed', amount, tax };
    const bounced = refund.state === 'paid' ? amount + tax : 0n;
    grant.remaining += amount;
    this.ledger.post(reference, [
      ['refund.bounced', 'processor_balance', 'refund_clearing', bounced],
      ['refund.returned', 'refund_clearing', `grant:${grant.id}`, amount],
      ['refund.tax_returned', 'refund_clearing', 'tax_payable', tax],
    ]);
    refund.state = 'failed';
    refund.endedAt = this.ledger.now;
    return { outcome: 'returned', amount, tax };
  }

  void(id: string): Outcome {
    const grant = this.find(id);
    if (grant === undefined) return { outcome: 'unknown_grant' };
    if (grant.kind === 'purchase') return { outcome: 'is_a_purchase' };
    if (grant.voided) return { outcome: 'already_voided' };
    if (grant.remaining === 0n) return { outcome: 'nothing_left' };
    if (this.#expired(grant)) return { outcome: 'expired' };
    const amount = this.#unpromised(grant);
    this.#stop(grant);
    grant.voided = true;
    grant.remaining -= amount;
    const promised = grant.remaining;
    this.ledger.post(`void:${id}`, [['credit.void', `grant:${id}`, 'promo_expense', amount]]);
    return { outcome: 'voided', amount, promised };
  }

  /** Of a grant that has expired the customer has only what a hold still needs. */
  #breakUncovered(grant: ModelGrant): void {
    if (!this.#expired(grant) || grant.voided) return;
    const needed = this.ledger.covers(this.ledger.unbooked).get(grant) ?? 0n;
    this.#break(grant, grant.remaining - needed);
  }

  #break(grant: ModelGrant, rest: bigint): void {
    grant.remaining -= rest;
    grant.broken += rest;
    const line: ModelLine = ['credit.expire', `grant:${grant.id}`, 'breakage', rest];
    this.ledger.post(`expiry:${grant.id}`, [line], this.#brokeAt(grant));
  }

  /** Grants that have stopped and that no hold may need any more. */
  get bookable(): ModelGrant[] {
    const { ledger } = this;
    return ledger.stopped.filter((grant) => {
      const until = ledger.usableUntil(grant);
      return ledger.unbooked.every((hold) => hold.placedAt >= until);
    });
  }

  /** The job: what is left of stopped grants leaves them. True if it changed anything. */
  book(): boolean {
    const grants = this.bookable;
    for (const grant of grants) this.#book(grant);
    return grants.length > 0;
  }

  #book(grant: ModelGrant): void {
    const { ledger } = this;
    const account = `grant:${grant.id}`;
    this.#repayPromised(grant);
    const dispute = this.#frozenBy(grant);
    if (grant.stoppedAt !== null && dispute === undefined && !grant.voided) {
      // The dispute is over: what it left is the customer's until it expires.
      grant.stoppedAt = null;
      if (!this.#expired(grant)) return;
    }
    const rest = grant.remaining;
    if (this.#expired(grant) && !grant.voided) {
      this.#break(grant, rest);
      return;
    }
    grant.remaining = 0n;
    if (grant.voided) {
      ledger.post(`void:${grant.id}`, [['credit.void', account, 'promo_expense', rest]]);
    } else if (dispute !== undefined) {
      ledger.frozen += rest;
      const freeze = this.freezes.get(dispute);
      if (freeze !== undefined) freeze.amount += rest;
      ledger.post(dispute, [['dispute.freeze', account, 'dispute_frozen', rest]]);
    }
  }

  /** A hold still needed this when a lost dispute made debt of it: what is left pays that back. */
  #repayPromised(grant: ModelGrant): void {
    const lost = [...this.freezes]
      .filter(([, f]) => f.grant === grant && f.taken.promised > 0n)
      .sort(([a], [b]) => (a < b ? 1 : -1));
    let promised = 0n;
    for (const [, { taken }] of lost) {
      promised += taken.promised;
      taken.promised = 0n;
    }
    const repaid = smaller(smaller(grant.remaining, promised), this.ledger.debt);
    grant.remaining -= repaid;
    this.ledger.debt -= repaid;
    const line: ModelLine = ['debt.repaid', `grant:${grant.id}`, 'customer_debt', repaid];
    this.ledger.post(lost[0]?.[0] ?? '', [line]);
  }

  /** At its expiry, or when it came back later from a freeze or a refund. */
  #brokeAt(grant: ModelGrant): number {
    const freezes = [...this.freezes.values()].filter((f) => f.grant === grant);
    const failed = [...this.refunds.values()].filter(
      (r) => r.grant === grant && r.state === 'failed',
    );
    return Math.max(
      grant.expiresAt,
      ...freezes.map((f) => f.endedAt),
      ...failed.map((r) => r.endedAt),
    );
  }
}
