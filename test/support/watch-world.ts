import { newId } from '#kernel/ids';
import { readApiKey } from '#orgs/api-keys';
import { listAnomalies } from '#spend-watch/anomalies';
import { setWatchPolicy, type WatchAction } from '#spend-watch/policy';
import type { Tell } from '#spend-watch/raise';
import { watchSpending } from '#spend-watch/watch';
import { systemEntropy } from '#src/system';
import { testDatabase } from '#test/database';
import { chargingOn, give, hold, makePayer, type Payer, settle, usd } from '#test/ledger-world';

/** A database whose clock a test moves, and everything that was told of unusual spending in it. */
export async function watchWorld() {
  const db = await testDatabase();
  await db.ownerPool.query({ text: 'UPDATE bursar.deployment SET simulated = true' });
  const node = chargingOn(db.url);
  const told: Parameters<Tell>[1][] = [];
  const tell: Tell = async (_tx, notice) => void told.push(notice);
  const deps = { pool: db.pool, entropy: systemEntropy, tell };
  const look = () => watchSpending(deps);
  return {
    ...{ db, node, told, tell, deps, look },
    later: (interval: string) =>
      db.pool.query({ text: 'SELECT bursar.advance_clock($1::interval)', values: [interval] }),
    /** An organization with a key, at ten o'clock of the next day: no test runs into midnight. */
    async begin(): Promise<Payer> {
      await db.pool.query({
        text: `SELECT bursar.advance_clock(date_trunc('day', bursar.now() AT TIME ZONE 'UTC')
                 + interval '34 hours' - bursar.now() AT TIME ZONE 'UTC')`,
      });
      await look();
      const payer = await makePayer(db.pool);
      await give(db.pool, payer, usd('1000'));
      told.length = 0;
      return payer;
    },
    async spend(by: Payer, amount: string): Promise<void> {
      const held = await hold(node.charging, by, usd(amount));
      if (held.outcome !== 'held') throw new Error(held.outcome);
      await settle(node.charging, by, held.id, usd(amount));
    },
    want: ({ organizationId }: Payer, action: WatchAction) =>
      db.pool.transaction((tx) =>
        setWatchPolicy(tx, { organizationId, action, by: 'user_ada', requestId: null }),
      ),
    anomalies: ({ organizationId }: Payer) => listAnomalies(db.pool, organizationId, 20),
    keyStatus: async ({ organizationId, apiKeyId: id }: Payer) =>
      (await readApiKey(db.pool, { organizationId, id }))?.status,
    /** Another key of the same organization. */
    async anotherKey(of: Payer): Promise<Payer> {
      const apiKeyId = newId('apiKey', systemEntropy);
      await db.ownerPool.query({
        text: `INSERT INTO orgs.api_keys
                 (organization_id, id, workspace_id, kind, name, hint, created_at)
               VALUES ($1, $2, $3, 'workspace', 'another', 'another', bursar.now())`,
        values: [of.organizationId, apiKeyId, of.workspaceId],
      });
      return { ...of, apiKeyId };
    },
    async close() {
      await node.close();
      await db.drop();
    },
  };
}

export type WatchWorld = Awaited<ReturnType<typeof watchWorld>>;
