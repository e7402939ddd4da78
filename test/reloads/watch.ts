import type { Pool } from '#db/pool';
import type { NanoUsd } from '#kernel/money';

/** A card that was charged, seen at the processor in the moment it happened. */
export interface Charge {
  readonly paymentId: string;
  readonly purchaseId: string;
  readonly total: NanoUsd;
  /** Business time, and the first instant of its month. */
  readonly at: Date;
  readonly month: Date;
}

/** The promises about one organization's reloads, checked whenever a card is charged. */
export class Watch {
  readonly charges: Charge[] = [];
  readonly #owner: Pool;
  readonly #organizationId: string;
  readonly #monthMost: NanoUsd;
  /** Reloads that were being charged when it was switched off; undefined while it may be on. */
  #off: ReadonlySet<string> | undefined;

  constructor(owner: Pool, organizationId: string, monthMost: NanoUsd) {
    this.#owner = owner;
    this.#organizationId = organizationId;
    this.#monthMost = monthMost;
  }

  switching(): void {
    this.#off = undefined;
  }

  /** A person was told that it is off, and which reloads are under way. */
  async switchedOff(): Promise<void> {
    const underWay = await this.#owner.query<{ id: string }>({
      text: `SELECT id FROM payments.purchases WHERE organization_id = $1
        AND trigger = 'auto_reload' AND state IN ('opening', 'processing')`,
      values: [this.#organizationId],
    });
    this.#off = new Set(underWay.map(({ id }) => id));
  }

  async charged(paymentId: string, purchaseId: string, total: NanoUsd): Promise<void> {
    if (this.charges.some((charge) => charge.paymentId === paymentId)) return;
    const [now] = await this.#owner.query<{ at: Date; month: Date }>({
      text: `SELECT bursar.now() AS at,
        date_trunc('month', bursar.now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC' AS month`,
    });
    if (now === undefined) throw new Error('there is always a time');
    if (this.charges.some((charge) => charge.purchaseId === purchaseId)) {
      throw new Error(`${purchaseId} was charged twice`);
    }
    if (this.#off !== undefined && !this.#off.has(purchaseId)) {
      throw new Error(`${purchaseId} was charged after somebody was told that it is off`);
    }
    this.charges.push({ paymentId, purchaseId, total, ...now });
    const inMonth = this.charges
      .filter(({ month }) => month.getTime() === now.month.getTime())
      .reduce((sum, charge) => sum + charge.total, 0n);
    if (inMonth > this.#monthMost) {
      throw new Error(`${inMonth} charged in a month, at most ${this.#monthMost} allowed`);
    }
  }

  /** When all has come to rest: what was charged was credited, and within every bound of time. */
  async verdict(maxPerDay: number): Promise<void> {
    const rows = await this.#owner.query<Row>({
      text: `SELECT p.id, p.state, p.payment_intent_id AS "paymentId", p.created_at AS "begunAt",
          p.settled_at AS "settledAt", p.credit_nanos AS credit, g.amount_nanos AS granted
        FROM payments.purchases AS p LEFT JOIN ledger.grants AS g
          ON g.organization_id = p.organization_id AND g.source = p.payment_intent_id
        WHERE p.organization_id = $1 AND p.trigger = 'auto_reload' ORDER BY p.created_at`,
      values: [this.#organizationId],
    });
    const charged = new Map(this.charges.map((charge) => [charge.purchaseId, charge]));
    for (const row of rows) {
      const charge = charged.get(row.id);
      const state = charge === undefined ? 'failed canceled' : 'credited';
      if (!state.includes(row.state)) throw new Error(`${row.id} ended as ${row.state}`);
      if (charge === undefined ? row.granted !== null : row.granted !== row.credit) {
        throw new Error(`${row.id} bought ${row.credit} and was granted ${row.granted}`);
      }
      if (charge !== undefined && row.paymentId !== charge.paymentId) {
        throw new Error(`${row.id} does not name its payment`);
      }
    }
    const made = rows.filter(({ id }) => charged.has(id));
    if (made.length !== charged.size) throw new Error('a card was charged for no reload of ours');
    within(made, 3, HOUR_MS);
    within(made, maxPerDay, 24 * HOUR_MS);
    for (const [index, row] of made.entries()) {
      const before = made[index - 1]?.settledAt;
      if (before && row.begunAt.getTime() - before.getTime() < 60_000) {
        throw new Error(`${row.id} began within a minute of the one before`);
      }
    }
  }
}

interface Row {
  readonly id: string;
  readonly state: string;
  readonly paymentId: string | null;
  readonly begunAt: Date;
  readonly settledAt: Date | null;
  readonly credit: bigint;
  readonly granted: bigint | null;
}

const HOUR_MS = 3_600_000;

function within(made: readonly Row[], most: number, spanMs: number): void {
  for (const [index, row] of made.entries()) {
    const first = made[index - most];
    if (first !== undefined && row.begunAt.getTime() - first.begunAt.getTime() < spanMs) {
      throw new Error(`more than ${most} reloads within ${spanMs / HOUR_MS} hours`);
    }
  }
}
