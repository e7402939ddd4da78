import type { Pool } from '#db/pool';

/**
 * Time as the simulation says it is. PostgreSQL keeps what was said and when, so that a statement
 * that waits for a lock finds out, as in production, that time went on meanwhile: bursar.now() is
 * when the statement began, the other two are the moment they are asked.
 */
export async function installVirtualClock(owner: Pool): Promise<void> {
  await owner.query({
    text: `
      CREATE SCHEMA simulation;
      CREATE UNLOGGED TABLE simulation.clock (
        said_at timestamptz PRIMARY KEY DEFAULT clock_timestamp(),
        business timestamptz NOT NULL,
        real timestamptz NOT NULL);
      GRANT USAGE ON SCHEMA simulation TO bursar_app;
      GRANT SELECT, INSERT, DELETE ON simulation.clock TO bursar_app;
      CREATE OR REPLACE FUNCTION bursar.now() RETURNS timestamptz LANGUAGE sql STABLE AS $$
        SELECT business FROM simulation.clock WHERE said_at <= statement_timestamp()
         ORDER BY said_at DESC LIMIT 1 $$;
      CREATE OR REPLACE FUNCTION bursar.now_under_lock() RETURNS timestamptz LANGUAGE sql VOLATILE AS
        $$ SELECT business FROM simulation.clock ORDER BY said_at DESC LIMIT 1 $$;
      CREATE OR REPLACE FUNCTION bursar.real_now() RETURNS timestamptz LANGUAGE sql VOLATILE AS
        $$ SELECT real FROM simulation.clock ORDER BY said_at DESC LIMIT 1 $$;`,
  });
}

const BEGIN_MS = Date.UTC(2027, 0, 15, 12);

export class VirtualClock {
  business = BEGIN_MS;
  real = BEGIN_MS;
  readonly #pool: Pool;

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  async begin(): Promise<void> {
    await this.#pool.query({ text: 'DELETE FROM simulation.clock' });
    await this.pass(0, 0);
  }

  /** Both times are this. */
  async set(now: number): Promise<void> {
    this.real = now;
    this.business = now;
    await this.pass(0, 0);
  }

  /** Real time passes in both; business time may jump further. */
  async pass(realMs: number, jumpMs: number): Promise<void> {
    this.real += realMs;
    this.business += realMs + jumpMs;
    await this.#pool.query({
      name: 'simulation.clock',
      text: 'INSERT INTO simulation.clock (business, real) VALUES ($1, $2)',
      values: [new Date(this.business), new Date(this.real)],
    });
  }
}
