import type { Db, Statement } from '#db/pool';
import type { StatementFault } from './weather.ts';

/** One life of a process: what it sends is scheduled, and it may die. */
export interface Caller {
  readonly name: string;
  readonly pace: number;
  readonly dead: boolean;
  crash(): Promise<void>;
}

export interface Instant {
  readonly business: number;
  readonly real: number;
}

export type Row = Record<string, unknown>;
export type Answer = { readonly rows: Row[] } | { readonly error: unknown };

export interface Call {
  readonly caller: Caller;
  readonly kind: string;
  readonly about: string;
  readonly statement: Statement;
  /** Whose books it needs, in the order in which it asks for them. */
  readonly locks: readonly string[];
  readonly touches: readonly string[];
  /** Before it may be sent: the order of effects must be known. */
  readonly needs: 'books' | 'nobody waits' | { readonly decided: string };
  readonly transaction: Transaction | undefined;
  readonly follow: (rows: Row[], instants: ReadonlyMap<string, Instant>) => void;
  readonly resolve: (rows: Row[]) => void;
  readonly reject: (error: unknown) => void;
}

export interface Sent {
  readonly call: Call;
  readonly fault: StatementFault | undefined;
  readonly answer: Promise<Answer>;
  readonly instants: Map<string, Instant>;
  /** The book it waits for in PostgreSQL. */
  readonly until: string;
}

export interface Transaction {
  readonly caller: Caller;
  readonly kind: string;
  readonly organization: string;
  /** inside: it has the book, and time stands still because the model sees one instant. */
  stage: 'begun' | 'waiting' | 'inside' | 'committing' | 'over';
  instant: Instant;
  db: Db | undefined;
  done: Promise<unknown>;
  /** Fails what it waits for now. */
  fail: (error: unknown) => void;
  /** Why it is to be rolled back: whatever it asks for after that fails with this. */
  aborted: Error | undefined;
}

/** What the office does in one transaction, and what the model says about it. */
export interface OfficeWork<T> {
  readonly kind: string;
  readonly about: string;
  readonly organization: string;
  /** It changes nothing that the book of the organization guards, and does not ask for it. */
  readonly bookless?: true;
  readonly work: (tx: Db) => Promise<T>;
  readonly follow: (value: T, at: Instant) => void;
}

/** A statement that is no batch: where it needs no book, and what the model does with it. */
export interface Job {
  readonly kind: string;
  /** Whose book it waits for, if it does. */
  readonly organization?: string;
  /** Whose keys or standing it changes: that needs no book, and who waits for it finds it changed. */
  readonly access?: string;
  readonly follow: (rows: Row[], at: Instant, locked: ReadonlySet<string>) => void;
}

/** What a caller hears when its connection is gone. */
export const CUT = Object.assign(new Error('Connection terminated unexpectedly'), {
  code: 'ECONNRESET',
});

export const codeError = (code: string): Error =>
  Object.assign(new Error(`simulated ${code}`), {
    code: code === 'cut_before' ? 'ECONNRESET' : code === 'undone_inside' ? '40001' : code,
  });

export const messageOf = (error: unknown): string =>
  error instanceof Error ? error.message : String(error);
