import type { Pool } from '#db/pool';
import { type GrantId, newId, type RequestId } from '#kernel/ids';
import type { NanoUsd } from '#kernel/money';
import { systemEntropy } from '#src/system';
import { type TestDatabase, testDatabase } from '#test/database';
import { chargingOn, makePayer, newRequest, type Payer } from '#test/ledger-world';

/** What a row did: the outcome as the code names it, and what it charged to which request. */
export interface Done {
  readonly outcome: string;
  readonly request?: RequestId;
  readonly charged?: NanoUsd;
  readonly flags?: readonly string[];
}

/** A database whose business time the stories set, and a process that charges on it. */
export interface StoryDatabase {
  readonly db: TestDatabase;
  readonly node: ReturnType<typeof chargingOn>;
  setClock(at: Date): Promise<void>;
  close(): Promise<void>;
}

/** Leases follow real time, which the stories do not move: none may pass on a busy machine. */
const LEASE_MS = 3_600_000;

export async function storyDatabase(): Promise<StoryDatabase> {
  const db = await testDatabase();
  for (const text of [
    'CREATE TABLE bursar.story_clock (at timestamptz NOT NULL)',
    "INSERT INTO bursar.story_clock VALUES ('2027-01-01')",
    'GRANT SELECT ON bursar.story_clock TO bursar_app',
    `CREATE OR REPLACE FUNCTION bursar.now() RETURNS timestamptz LANGUAGE sql STABLE AS
     'SELECT at FROM bursar.story_clock'`,
    `CREATE OR REPLACE FUNCTION bursar.now_under_lock() RETURNS timestamptz LANGUAGE sql VOLATILE AS
     'SELECT at FROM bursar.story_clock'`,
  ]) {
    await db.ownerPool.query({ text });
  }
  const node = chargingOn(db.url, { leaseMs: LEASE_MS });
  return {
    db,
    node,
    async setClock(at) {
      await db.ownerPool.query({ text: 'UPDATE bursar.story_clock SET at = $1', values: [at] });
      // Leases of the past are read in business time, by how far it is from real time.
      await db.ownerPool.query({
        text: `UPDATE bursar.deployment SET simulated = true,
                 clock_offset = $1::timestamptz - statement_timestamp()`,
        values: [at],
      });
    },
    async close() {
      await node.close();
      await db.drop();
    },
  };
}

/** What the words of one story stand for: an organization of its own, and its things by name. */
export class StoryWorld {
  readonly database: StoryDatabase;
  readonly payer: Payer;
  readonly #grants = new Map<string, GrantId>();
  readonly #requests = new Map<string, RequestId>();
  readonly #keys = new Map<string, Payer>();

  constructor(database: StoryDatabase, payer: Payer) {
    this.database = database;
    this.payer = payer;
  }

  static async open(database: StoryDatabase): Promise<StoryWorld> {
    return new StoryWorld(database, await makePayer(database.db.pool));
  }

  get pool(): Pool {
    return this.database.db.pool;
  }

  /** A grant that a story does not name is never asked for. */
  newGrant(name: string | undefined): GrantId {
    const id = newId('grant', systemEntropy);
    if (name !== undefined) define(this.#grants, name, id);
    return id;
  }

  grant(name: string): GrantId {
    return known(this.#grants, name);
  }

  newRequest(name: string): RequestId {
    const earlier = this.#requests.get(name);
    if (earlier !== undefined) return earlier;
    const id = newRequest();
    this.#requests.set(name, id);
    return id;
  }

  request(name: string): RequestId {
    return known(this.#requests, name);
  }

  nameOf(grantId: string): string {
    for (const [name, id] of this.#grants) if (id === grantId) return name;
    return 'a grant without a name';
  }

  /** A dispute, refund or payment by its name: unique in the database. */
  reference(name: string): string {
    return `${name}:${this.payer.organizationId}`;
  }

  key(name: string | undefined): Payer {
    return name === undefined ? this.payer : known(this.#keys, name);
  }

  /** The workspace of a name: that of a key that was added to it. */
  workspace(name: string): Payer {
    return known(this.#keys, name);
  }

  async addKey(name: string, workspace: string): Promise<void> {
    const { organizationId } = this.payer;
    const workspaceId = this.#keys.get(workspace)?.workspaceId ?? newId('workspace', systemEntropy);
    const payer = { organizationId, workspaceId, apiKeyId: newId('apiKey', systemEntropy) };
    await this.pool.query({
      text: `INSERT INTO orgs.workspaces (organization_id, id, name, is_default)
             VALUES ($1, $2, $3, false) ON CONFLICT DO NOTHING`,
      values: [organizationId, workspaceId, workspace],
    });
    await this.pool.query({
      text: `INSERT INTO orgs.api_keys (organization_id, id, workspace_id, kind, name, hint)
             VALUES ($1, $2, $3, 'workspace', $4, 'test')`,
      values: [organizationId, payer.apiKeyId, workspaceId, name],
    });
    define(this.#keys, name, payer);
    this.#keys.set(workspace, payer);
  }
}

function define<T>(names: Map<string, T>, name: string, meaning: T): void {
  if (names.has(name)) throw new Error(`"${name}" is somebody else already`);
  names.set(name, meaning);
}

function known<T>(names: ReadonlyMap<string, T>, name: string): T {
  const meaning = names.get(name);
  if (meaning === undefined) throw new Error(`nobody is called "${name}" yet`);
  return meaning;
}
