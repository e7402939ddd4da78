import pg from 'pg';
import { arrayLiteral } from '#db/array-literal';
import { enterTransaction } from '#db/transaction';

/** One statement. A `name` makes it prepared once per connection: for the hot ones. */
export interface Statement {
  readonly text: string;
  readonly values?: readonly unknown[];
  readonly name?: string;
}

/** Something statements can be run on: a pool, or one open transaction. */
export interface Db {
  query<Row>(statement: Statement): Promise<Row[]>;
}

export interface Pool extends Db {
  /** All or nothing. Outbound calls inside are refused at run time (see `transaction.ts`). */
  transaction<T>(work: (tx: Db) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

export interface PoolOptions {
  readonly url: string;
  readonly name: string;
  readonly max: number;
  /** How long a caller waits for a connection before the database counts as unreachable. */
  readonly connectTimeoutMs?: number;
  readonly statementTimeoutMs?: number;
  /** How long a statement waits for a row somebody else has locked; for ever if absent. */
  readonly lockTimeoutMs?: number;
}

const INT8 = 20;
const TIMESTAMPTZ = 1184;

/** All rows of a batch carry the same times; each is read once. */
function timeReader(): (text: string) => unknown {
  const read = pg.types.getTypeParser(TIMESTAMPTZ, 'text');
  let last: string | undefined;
  let time: unknown;
  return (text) => {
    if (text !== last) {
      time = read(text);
      last = text;
    }
    return time;
  };
}

const readTime = timeReader();
const readInt8 = (text: string): bigint => BigInt(text);
const parsers: pg.CustomTypesConfig = {
  // Per pool, never global: the job queue shares the driver and expects its defaults.
  getTypeParser: (oid: number, format?: 'text' | 'binary') => {
    if (oid === INT8) return readInt8;
    return oid === TIMESTAMPTZ && format !== 'binary'
      ? readTime
      : pg.types.getTypeParser(oid, format);
  },
};

const asSent = (value: unknown): unknown =>
  Array.isArray(value) ? (arrayLiteral(value) ?? value) : value;

function run<Row>(
  client: { query(config: pg.QueryConfig): Promise<pg.QueryResult> },
  statement: Statement,
): Promise<Row[]> {
  const config: pg.QueryConfig = { text: statement.text };
  if (statement.values !== undefined) config.values = statement.values.map(asSent);
  if (statement.name !== undefined) config.name = statement.name;
  return client.query(config).then((result) => result.rows);
}

export function openPool(options: PoolOptions): Pool {
  const statementTimeoutMs = options.statementTimeoutMs ?? 15_000;
  const pool = new pg.Pool({
    connectionString: options.url,
    max: options.max,
    application_name: `bursar ${options.name}`,
    connectionTimeoutMillis: options.connectTimeoutMs ?? 5_000,
    statement_timeout: statementTimeoutMs,
    // The server's time-out is of no use on a network that has gone silent.
    query_timeout: statementTimeoutMs + 1_000,
    keepAlive: true,
    ...(options.lockTimeoutMs === undefined ? {} : { lock_timeout: options.lockTimeoutMs }),
    idle_in_transaction_session_timeout: 15_000,
    types: parsers,
  });
  // A lost idle connection is replaced on next use; without a listener it would end the process.
  pool.on('error', () => {});

  return {
    query: (statement) => run(pool, statement),
    async transaction(work) {
      const client = await pool.connect();
      let broken: Error | undefined;
      // A connection lost between two statements says so here; unheard, it would end the process.
      const lost = (error: Error): void => {
        broken = error;
      };
      client.on('error', lost);
      try {
        await client.query('BEGIN');
        const result = await enterTransaction(() =>
          work({ query: (statement) => run(client, statement) }),
        );
        await client.query('COMMIT');
        return result;
      } catch (error) {
        await client.query('ROLLBACK').catch((rollbackError: Error) => {
          broken = rollbackError;
        });
        throw error;
      } finally {
        client.off('error', lost);
        client.release(broken);
      }
    },
    close: () => pool.end(),
  };
}
