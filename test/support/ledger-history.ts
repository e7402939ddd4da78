import fc from 'fast-check';
import { GrantsModel } from '#test/ledger-grants';
import { LedgerModel } from '#test/ledger-model';

/** One step of a history. `which` chooses among what exists by then. */
export type Step =
  | {
      does: 'grant';
      kind: 'purchase' | 'promotional' | 'adjustment';
      amount: bigint;
      tax: bigint;
      days: number;
    }
  | { does: 'hold'; amount: bigint; key: number }
  | { does: 'extend'; which: number; by: bigint }
  | { does: 'settle'; which: number; percent: bigint }
  | { does: 'void'; which: number; loss: bigint }
  | { does: 'freeze'; which: number }
  | { does: 'release'; which: number }
  | { does: 'refund paid'; which: number }
  | { does: 'refund failed'; which: number }
  | { does: 'void grant'; which: number }
  | { does: 'seize'; which: number; claimed: bigint | null }
  | { does: 'refund'; which: number; amount: bigint | 'all'; unit: bigint }
  | { does: 'limit'; level: number; amount: bigint | null; pauses: boolean }
  | { does: 'wait'; hours: number }
  | { does: 'lapse' | 'book' };

const amount = fc.oneof(
  fc.bigInt({ min: 1n, max: 9n }),
  fc.bigInt({ min: 1n, max: 3_000_000_000n }),
);
const which = fc.nat(20);
const weighted = <T>(weight: number, arbitrary: fc.Arbitrary<T>) => ({ weight, arbitrary });
const does = <T extends string>(...names: T[]) => fc.constantFrom(...names);

export const historyStep: fc.Arbitrary<Step> = fc.oneof(
  weighted(
    4,
    fc.record({
      ...{ does: does('grant'), kind: does('purchase', 'promotional', 'adjustment') },
      ...{ amount, tax: fc.bigInt({ min: 0n, max: 50n }), days: fc.integer({ min: 1, max: 6 }) },
    }),
  ),
  weighted(8, fc.record({ does: does('hold'), amount, key: fc.nat(2) })),
  weighted(3, fc.record({ does: does('extend'), which, by: amount })),
  weighted(
    8,
    fc.record({
      ...{ does: does('settle'), which },
      percent: fc.constantFrom(0n, 1n, 37n, 99n, 100n, 140n, 300n),
    }),
  ),
  weighted(2, fc.record({ does: does('void'), which, loss: fc.bigInt({ min: 0n, max: 3n }) })),
  weighted(2, fc.record({ does: does('freeze'), which })),
  weighted(1, fc.record({ does: does('release'), which })),
  weighted(1, fc.record({ does: does('refund paid'), which })),
  weighted(1, fc.record({ does: does('refund failed'), which })),
  weighted(1, fc.record({ does: does('void grant'), which })),
  weighted(2, fc.record({ does: does('seize'), which, claimed: fc.option(amount) })),
  weighted(
    2,
    fc.record({
      ...{ does: does('refund'), which, unit: fc.constantFrom(1n, 1n, 10n) },
      amount: fc.oneof(fc.constant('all' as const), amount),
    }),
  ),
  weighted(
    2,
    fc.record({
      ...{ does: does('limit'), level: fc.nat(2), pauses: fc.boolean() },
      amount: fc.oneof(fc.constant(null), fc.constant(0n), amount),
    }),
  ),
  weighted(3, fc.record({ does: does('wait'), hours: fc.constantFrom(1, 24, 24, 48, 300) })),
  weighted(3, fc.record({ does: does('lapse', 'book') })),
);

export const HOUR_MS = 3_600_000;
export const HISTORY_BEGINS = Date.UTC(2026, 10, 21);
/** As long as a `wait` of one hour: some holds live through it, others do not. */
export const LEASE_MS = HOUR_MS;

/** Names of what a history makes, and the model it is told to. */
export class History {
  readonly ledger: LedgerModel;
  readonly grants: GrantsModel;
  readonly holds: { id: string; amount: bigint }[] = [];
  readonly disputes: string[] = [];
  readonly refunds: string[] = [];

  constructor(
    organization: string,
    keys: readonly { key: string; workspace: string }[],
    begins = HISTORY_BEGINS,
  ) {
    this.ledger = new LedgerModel(organization);
    this.ledger.now = begins;
    this.ledger.real = begins;
    for (const { key, workspace } of keys) this.ledger.keys.set(key, { workspace, revoked: false });
    this.grants = new GrantsModel(this.ledger);
  }

  /** One of these, or one that does not exist if there are none. */
  static pick<T>(among: readonly T[], index: number, otherwise: T): T {
    return among[index % Math.max(among.length, 1)] ?? otherwise;
  }

  grantAt(index: number): string {
    const ids = this.ledger.grants.map(({ id }) => id);
    return History.pick(ids, index, 'grant_none');
  }

  pass(hours: number): void {
    this.ledger.now += hours * HOUR_MS;
    this.ledger.real += hours * HOUR_MS;
  }
}
