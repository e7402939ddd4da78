import type { Charging } from '#charging/charging';
import { withLossesNoted } from '#charging/superseded';
import { createGateway, type Gateway, type GatewayDeps } from '#gateway/gateway';
import { readBalance } from '#ledger/balance';
import { createApiKey } from '#orgs/api-keys';
import { startModelSim } from '#sims/model-sim/server';
import { systemClock, systemEntropy } from '#src/system';
import { type TestDatabase, testDatabase } from '#test/database';
import { chargingOn, give, makePayer, type Payer, usd } from '#test/ledger-world';
import { recordedPrices } from '#test/prices';

const pepper = Buffer.from('pepper of the tests');

/** One gateway as a process has it: with lanes of its own. */
export interface Process {
  readonly gateway: Gateway;
  readonly url: string;
  readonly charging: Charging;
  close(): Promise<void>;
}

/** An organization with a workspace and a key in it. */
export interface Customer extends Payer {
  readonly keyId: string;
  readonly key: string;
}

/** A real ledger, an upstream, and any number of gateway processes that know of each other only through it. */
export interface GatewayProcesses {
  readonly db: TestDatabase;
  start(options?: Partial<GatewayDeps>): Promise<Process>;
  /** With so many dollars of credit; none if absent. */
  customer(credit?: string): Promise<Customer>;
  newKey(
    of: Pick<Payer, 'organizationId' | 'workspaceId'>,
    expiresAt?: Date,
  ): Promise<{ readonly id: string; readonly key: string }>;
  balance(of: Pick<Payer, 'organizationId'>): ReturnType<typeof readBalance>;
  close(): Promise<void>;
}

/** `upstreamUrl` is where they ask; a model simulator of their own if absent. */
export async function gatewayProcesses(upstreamUrl?: string): Promise<GatewayProcesses> {
  const db = await testDatabase();
  const sim =
    upstreamUrl === undefined ? await startModelSim({ host: '127.0.0.1', port: 0 }) : undefined;
  const running = new Set<Process>();
  const newKey: GatewayProcesses['newKey'] = ({ organizationId, workspaceId }, expiresAt) => {
    const terms = { organizationId, workspaceId, name: 'key', kind: 'workspace' } as const;
    const end = expiresAt === undefined ? {} : { expiresAt };
    return db.pool.transaction((tx) =>
      createApiKey(tx, { entropy: systemEntropy, pepper }, { ...terms, createdBy: null, ...end }),
    );
  };
  return {
    db,
    newKey,
    async start(options = {}) {
      const process = await startProcess(db, upstreamUrl ?? sim?.url ?? '', options, () =>
        running.delete(process),
      );
      running.add(process);
      return process;
    },
    async customer(credit) {
      const payer = await makePayer(db.pool);
      if (credit !== undefined) await give(db.pool, payer, usd(credit));
      const { id: keyId, key } = await newKey(payer);
      return { ...payer, keyId, key };
    },
    balance: ({ organizationId }) => readBalance(db.pool, organizationId),
    async close() {
      for (const process of [...running]) await process.close();
      await sim?.close();
      await db.drop();
    },
  };
}

async function startProcess(
  db: TestDatabase,
  upstreamUrl: string,
  options: Partial<GatewayDeps>,
  closed: () => void,
): Promise<Process> {
  const node = chargingOn(db.url);
  const noted = { db: db.pool, onLoss() {}, onFailure() {} };
  const charging = withLossesNoted(node.charging, noted);
  const gateway = await createGateway({
    pool: db.pool,
    charging,
    prices: await recordedPrices(db.pool),
    upstream: { url: upstreamUrl, key: 'operator-key' },
    clock: systemClock,
    entropy: systemEntropy,
    pepper,
    billingUrl: 'http://127.0.0.1:4000/settings/billing',
    logger: false,
    drainSeconds: 5,
    ...options,
  });
  return {
    gateway,
    charging,
    url: await gateway.listen('127.0.0.1', 0),
    async close() {
      closed();
      await gateway.close();
      await node.close();
    },
  };
}
