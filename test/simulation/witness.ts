import type { Statement } from '#db/pool';
import { GrantsModel } from '#test/ledger-grants';
import { type Asked, LedgerModel, type Resolving, Twins } from '#test/ledger-model';
import { Tally } from './tally.ts';

/** The product did something that the plain model does not. */
export class Violation extends Error {}

export interface Books {
  readonly ledger: LedgerModel;
  readonly grants: GrantsModel;
}

/** Where a statement stood in time, for each organization it touched. */
export type Instants = ReadonlyMap<string, { readonly business: number; readonly real: number }>;

const strings = (value: unknown): string[] => {
  if (!Array.isArray(value)) throw new Error('a list was expected');
  return value.map(String);
};
const bigints = (value: unknown): bigint[] => strings(value).map(BigInt);

export interface Batch {
  readonly kind: 'hold' | 'settle' | 'renew';
  readonly organizations: string[];
  readonly ids: string[];
}

/** A large batch asks the same, and only commits otherwise. */
const asked = (name: string | undefined): string | undefined => name?.replace('.unflushed', '');

/** What a statement of the money path is about; undefined for any other statement. */
export function readBatch({ name, values = [] }: Statement): Batch | undefined {
  const kinds = {
    'charging.place_batch': ['hold', 3],
    'charging.settle_batch': ['settle', 2],
    'charging.renew_leases': ['renew', 1],
  } as const;
  const entry = Object.entries(kinds).find(([key]) => key === asked(name));
  if (entry === undefined) return undefined;
  const [kind, ids] = entry[1];
  return { kind, organizations: strings(values[0]), ids: strings(values[ids]) };
}

type Row = Record<string, unknown>;

/** What happened to each command, in the order in which PostgreSQL decided. */
export interface Decided {
  readonly kind: 'hold' | 'extend' | 'settle';
  readonly outcome: string;
  readonly charged: bigint;
}

/**
 * Follows PostgreSQL with the plain model, statement by statement, in the order in which they took
 * effect, and compares every answer. The order is known exactly: statements take effect one at a time.
 */
export class Witness {
  readonly books = new Map<string, Books>();
  readonly decided = new Map<string, Decided[]>();
  checks = 0;
  readonly outcomes = new Tally();
  /** What the last statement decided, for the trace. */
  readonly #lines: string[] = [];

  open(organization: string): Books {
    const ledger = new LedgerModel(organization);
    const books = { ledger, grants: new GrantsModel(ledger) };
    this.books.set(organization, books);
    return books;
  }

  at(organization: string, at: { business: number; real: number }): Books {
    const books = this.books.get(organization);
    if (books === undefined) throw new Error(`no books of ${organization}`);
    books.ledger.now = at.business;
    books.ledger.real = at.real;
    return books;
  }

  suspended(organization: string): boolean {
    return this.books.get(organization)?.ledger.suspended === true;
  }

  #instant(organization: string, instants: Instants): Books {
    const at = instants.get(organization);
    if (at === undefined) throw new Error(`no instant of ${organization}`);
    return this.at(organization, at);
  }

  /** A statement took effect and answered this. */
  follow(statement: Statement, rows: readonly Row[], instants: Instants): string[] {
    this.checks += 1;
    const lines = this.#lines;
    lines.length = 0;
    switch (asked(statement.name)) {
      case 'charging.place_batch':
        this.#place(statement.values ?? [], rows, instants);
        break;
      case 'charging.settle_batch':
        this.#settle(statement.values ?? [], rows, instants);
        break;
      case 'charging.renew_leases':
        this.#renew(statement.values ?? [], instants);
        break;
      default:
        break;
    }
    return lines;
  }

  /** PostgreSQL refused a statement by itself. Only twins in one batch are a reason. */
  refused(statement: Statement, error: unknown, instants: Instants): void {
    const told = error instanceof Error ? error.message : String(error);
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (asked(statement.name) === 'charging.place_batch' && code === '23505') {
      try {
        this.#place(statement.values ?? [], undefined, instants);
      } catch (reason) {
        if (reason instanceof Twins) return;
        throw reason;
      }
    }
    throw new Violation(`PostgreSQL refused ${statement.name ?? statement.text}: ${told}`);
  }

  #place(values: readonly unknown[], rows: readonly Row[] | undefined, instants: Instants): void {
    const [organizations, ends] = [strings(values[0]), bigints(values[1]).map(Number)];
    const [kinds, ids, amounts] = [strings(values[2]), strings(values[3]), bigints(values[5])];
    const keys = Array.isArray(values[4]) ? values[4] : [];
    const leaseMs = Number(values[6]);
    const commands = ids.map(
      (id, i): Asked => ({
        kind: kinds[i] === 'extend' ? 'extend' : 'place',
        id,
        key: typeof keys[i] === 'string' ? keys[i] : null,
        amount: amounts[i] ?? 0n,
      }),
    );
    const twins = new Set(ids).size < ids.length;
    let from = 0;
    for (const [k, organization] of organizations.entries()) {
      const to = ends[k] ?? 0;
      const { ledger } = this.#instant(organization, instants);
      const batch = commands.slice(from, to).map((command, i): Asked => {
        const row = rows?.[from + i];
        if (row === undefined) return command;
        const [level, subject] = [row.limit_level, row.limit_subject].map((x) =>
          x ? String(x) : null,
        );
        const told = {
          outcome: String(row.outcome),
          level: level ?? null,
          subject: subject ?? null,
        };
        return { ...command, told };
      });
      // Nothing of a batch that PostgreSQL refuses may stay in the model.
      if (twins) ledger.copy().promise(batch, leaseMs);
      if (rows !== undefined) {
        const loose = ledger.lapsed.length > 0;
        const expected = ledger.promise(batch, leaseMs);
        for (const [i, promised] of expected.entries()) {
          const row = rows[from + i] ?? {};
          const { id, kind, amount } = batch[i] ?? { id: '?', kind: 'place', amount: 0n };
          this.#lines.push(`${organization} ${kind} ${id} ${amount}: ${String(row.outcome)}`);
          this.#same(`${kind} ${id}`, {
            ...{ outcome: [row.outcome, promised.outcome] },
            ...{ level: [row.limit_level ?? null, promised.level] },
            ...{ subject: [row.limit_subject ?? null, promised.subject] },
          });
          this.#tell(id, kind === 'place' ? 'hold' : 'extend', promised.outcome, 0n);
          this.#sameAvailable(ledger, row, loose);
        }
      }
      from = to;
    }
  }

  #settle(values: readonly unknown[], rows: readonly Row[], instants: Instants): void {
    const [organizations, ends] = [strings(values[0]), bigints(values[1]).map(Number)];
    const [ids, resolutions] = [strings(values[2]), strings(values[3])];
    const [costs, losses] = [bigints(values[4]), bigints(values[5])];
    const happened = Array.isArray(values[6]) ? values[6] : [];
    let from = 0;
    for (const [k, organization] of organizations.entries()) {
      const to = ends[k] ?? 0;
      const { ledger } = this.#instant(organization, instants);
      const loose = ledger.lapsed.length > 0;
      for (let i = from; i < to; i++) {
        const at: unknown = happened[i];
        const command: Resolving = {
          id: ids[i] ?? '?',
          resolution: resolutions[i] === 'void' ? 'void' : 'settle',
          cost: costs[i] ?? 0n,
          loss: losses[i] ?? 0n,
          happenedAt: at instanceof Date ? at.getTime() : null,
        };
        const expected = ledger.resolve(command);
        const row = rows[i] ?? {};
        const said = `${String(row.outcome)} ${String(row.charged_nanos)}`;
        this.#lines.push(
          `${organization} ${command.resolution} ${command.id} ${command.cost}: ${said}`,
        );
        this.#same(`${command.resolution} ${command.id}`, {
          outcome: [row.outcome, expected.outcome],
          charged: [row.charged_nanos, expected.charged],
          overrun: [row.overrun_nanos, expected.overrun],
          late: [row.late, expected.late],
        });
        this.#tell(command.id, 'settle', expected.outcome, expected.charged);
        if (expected.late) this.outcomes.add('late', 'settle');
        if (expected.overrun > 0n) this.outcomes.add('overrun', 'settle');
      }
      for (let i = from; i < to; i++) this.#sameAvailable(ledger, rows[i] ?? {}, loose);
      from = to;
    }
  }

  #renew(values: readonly unknown[], instants: Instants): void {
    const [organizations, ids] = [strings(values[0]), strings(values[1])];
    for (const [i, organization] of organizations.entries()) {
      const { ledger } = this.#instant(organization, instants);
      ledger.renew([ids[i] ?? ''], Number(values[2]));
    }
  }

  /** A transaction of the office committed with this answer; `model` says what it should be. */
  committed(label: string, actual: unknown, expected: unknown): void {
    this.checks += 1;
    const [told, wanted] = [plain(actual), plain(expected)];
    const outcome = expected !== null && typeof expected === 'object' && 'outcome' in expected;
    if (outcome) this.outcomes.add(String(expected.outcome), label.replace(/ \S*$/, ''));
    if (told !== wanted) throw new Violation(`${label} answered ${told}, the model says ${wanted}`);
  }

  #tell(id: string, kind: Decided['kind'], outcome: string, charged: bigint): void {
    const before = this.decided.get(id) ?? [];
    before.push({ kind, outcome, charged });
    this.outcomes.add(outcome, kind);
    this.decided.set(id, before);
  }

  #same(what: string, pairs: Record<string, readonly [actual: unknown, expected: unknown]>): void {
    for (const [field, [actual, expected]] of Object.entries(pairs)) {
      if (actual === expected) continue;
      throw new Violation(`${what}: ${field} is ${String(actual)}, the model says ${expected}`);
    }
  }

  /** What lapsed and is not booked yet may still be missing from what is shown, never more. */
  #sameAvailable(ledger: LedgerModel, row: Row, loose: boolean): void {
    const shown = row.available_nanos;
    if (shown === ledger.available) return;
    if (loose && shown === ledger.unpromised) return;
    throw new Violation(`available is ${String(shown)}, the model says ${ledger.available}`);
  }
}

/** Comparable text of an outcome: fields in order, amounts as they are. */
export function plain(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    typeof inner === 'bigint'
      ? inner.toString()
      : inner !== null && typeof inner === 'object' && !Array.isArray(inner)
        ? Object.fromEntries(
            Object.entries(inner)
              .filter(([, v]) => v !== undefined)
              .sort(([a], [b]) => (a < b ? -1 : 1)),
          )
        : inner,
  );
}
