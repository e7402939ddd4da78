import { openPool, type Pool } from '#db/pool';
import {
  type ApiKeyId,
  type GrantId,
  type Id,
  type IdKind,
  type OrganizationId,
  parseId,
  type WorkspaceId,
} from '#kernel/ids';
import { installVirtualClock } from '#test/virtual-clock';

/** The same name in the same seed is the same id: a run can be repeated. */
export function named<K extends IdKind>(kind: K, prefix: string, name: string): Id<K> {
  const id = parseId(kind, `${prefix}${name}`);
  if (id === undefined) throw new Error(`${prefix}${name} is no ${kind}`);
  return id;
}

export const grantNamed = (name: string): GrantId => named('grant', 'grant_', name);

export interface Key {
  readonly workspaceId: WorkspaceId;
  readonly apiKeyId: ApiKeyId;
}

export interface Organization {
  readonly id: OrganizationId;
  /** More come as the office makes them. */
  readonly keys: Key[];
}

export const organizationNamed = (name: string): Organization => ({
  id: named('organization', 'org_', name),
  keys: ['a', 'a', 'b'].map((workspace, i) => ({
    workspaceId: named('workspace', 'wrkspc_', `${name}-${workspace}`),
    apiKeyId: named('apiKey', 'apikey_', `${name}-${i}`),
  })),
});

/** A database for simulations, and nothing else in it than the seed that runs. */
export interface SimulationDatabase {
  readonly pool: Pool;
  readonly clockPool: Pool;
  /** Removes everything that earlier seeds left. */
  empty(): Promise<void>;
  create(organizations: readonly Organization[]): Promise<void>;
  close(): Promise<void>;
}

/** Real time is no part of any story, however busy the machine is. */
const PATIENT_MS = 600_000;

/** `superUrl` may pass over the triggers that keep entries for ever: seeds come and go. */
export async function openSimulationDatabase(urls: {
  readonly url: string;
  readonly ownerUrl: string;
  readonly superUrl: string;
}): Promise<SimulationDatabase> {
  const open = (url: string, name: string, max: number): Pool =>
    openPool({ url, name, max, statementTimeoutMs: PATIENT_MS, connectTimeoutMs: PATIENT_MS });
  const pool = open(urls.url, 'simulation', 12);
  const clockPool = open(urls.url, 'simulation clock', 1);
  const owner = open(urls.ownerUrl, 'simulation owner', 1);
  const superuser = open(urls.superUrl, 'simulation super', 1);
  await installVirtualClock(owner);
  const [tables] = await superuser.query<{ names: string[]; list: string }>({
    text: `SELECT array_agg(t) AS names, string_agg(t, ', ') AS list
             FROM (SELECT format('%I.%I', table_schema, table_name) AS t
                     FROM information_schema.columns JOIN information_schema.tables
                    USING (table_schema, table_name)
                    WHERE column_name = 'organization_id' AND table_type = 'BASE TABLE'
                      AND table_schema IN ('ledger', 'orgs', 'metering', 'charging')) AS x`,
  });
  if (tables === undefined) throw new Error('no tables');
  let emptied = 0;
  return {
    pool,
    clockPool,
    async empty() {
      emptied += 1;
      // Now and then by truncation: what is deleted still lies in the way of scans.
      const text =
        emptied % 40 === 1
          ? `TRUNCATE ${tables.list}, orgs.organizations CASCADE`
          : [...tables.names, 'orgs.organizations'].map((t) => `DELETE FROM ${t}`).join('; ');
      // Said each time: a connection that was idle for long is replaced by one that knows nothing.
      await superuser.query({ text: `SET session_replication_role = replica; ${text}` });
    },
    async create(organizations) {
      await pool.transaction(async (tx) => {
        const ids = organizations.map(({ id }) => id);
        const keys = organizations.flatMap((o) => o.keys.map((key) => ({ o: o.id, ...key })));
        await tx.query({
          text: `INSERT INTO orgs.organizations (id, name) SELECT id, 'Simulated'
                   FROM unnest($1::text[]) AS id`,
          values: [ids],
        });
        await tx.query({
          text: `INSERT INTO orgs.workspaces (organization_id, id, name, is_default)
                 SELECT DISTINCT o, w, w, w LIKE '%-a' FROM unnest($1::text[], $2::text[]) AS k (o, w)`,
          values: [keys.map(({ o }) => o), keys.map((k) => k.workspaceId)],
        });
        await tx.query({
          text: `INSERT INTO orgs.api_keys (organization_id, id, workspace_id, kind, name, hint)
                 SELECT o, k, w, 'workspace', 'simulated', 'none'
                   FROM unnest($1::text[], $2::text[], $3::text[]) AS k (o, w, k)`,
          values: [
            keys.map(({ o }) => o),
            keys.map((k) => k.workspaceId),
            keys.map((k) => k.apiKeyId),
          ],
        });
        await tx.query({
          text: 'INSERT INTO ledger.books (organization_id) SELECT unnest($1::text[])',
          values: [ids],
        });
      });
    },
    async close() {
      await Promise.all([pool, clockPool, owner, superuser].map((each) => each.close()));
    },
  };
}
