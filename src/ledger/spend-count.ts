import type { Statement } from '#db/pool';
import { spendDifferences } from '#ledger/receipts-sql';
import type { CountedMonths, HoldSums } from '#ledger/weights-sql';

interface Spent {
  readonly spender: string;
  readonly month: string;
  held: bigint;
  charged: bigint;
}

/** What holds say that limits should have counted, by spender and month, collected from many pieces. */
export class SpendCount {
  readonly #months: readonly string[];
  readonly #spent = new Map<string, Spent>();

  constructor({ months }: CountedMonths) {
    this.#months = months;
  }

  add(sums: HoldSums): void {
    const month = this.#months[(sums.month ?? 0) - 1];
    if (sums.spender === null || month === undefined) return;
    const name = `${sums.spender} ${month}`;
    const spent = this.#spent.get(name) ?? { spender: sums.spender, month, held: 0n, charged: 0n };
    spent.held += BigInt(sums.held ?? 0n);
    spent.charged += BigInt(sums.charged ?? 0n);
    this.#spent.set(name, spent);
  }

  /** The limits that count otherwise, as a query. */
  differences(): Statement {
    return spendDifferences([...this.#spent.values()]);
  }
}
