import { type Charging, openCharging } from '#charging/charging';
import { openLanes } from '#charging/lanes';
import type { Pool } from '#db/pool';
import {
  type ApiKeyId,
  newId,
  type OrganizationId,
  type RequestId,
  type WorkspaceId,
} from '#kernel/ids';
import { type NanoUsd, nanos, parseUsd, ZERO } from '#kernel/money';
import { issueGrant } from '#ledger/grants';
import type { RequestRecord } from '#metering/record';
import { systemEntropy } from '#src/system';

/** One organization with a key, as the money path sees it. */
export interface Payer {
  readonly organizationId: OrganizationId;
  readonly workspaceId: WorkspaceId;
  readonly apiKeyId: ApiKeyId;
}

export function usd(text: string): NanoUsd {
  const amount = parseUsd(text);
  if (amount === undefined) throw new Error(`not an amount: ${text}`);
  return amount;
}

export async function makePayer(pool: Pool): Promise<Payer> {
  const organizationId = newId('organization', systemEntropy);
  const workspaceId = newId('workspace', systemEntropy);
  const apiKeyId = newId('apiKey', systemEntropy);
  await pool.transaction(async (tx) => {
    await tx.query({
      text: `INSERT INTO orgs.organizations (id, name) VALUES ($1, 'Test')`,
      values: [organizationId],
    });
    await tx.query({
      text: `INSERT INTO orgs.workspaces (organization_id, id, name, is_default)
             VALUES ($1, $2, 'Default', true)`,
      values: [organizationId, workspaceId],
    });
    await tx.query({
      text: `INSERT INTO orgs.api_keys (organization_id, id, workspace_id, kind, name, hint)
             VALUES ($1, $2, $3, 'workspace', 'test', 'test')`,
      values: [organizationId, apiKeyId, workspaceId],
    });
    await tx.query({
      text: 'INSERT INTO ledger.books (organization_id) VALUES ($1)',
      values: [organizationId],
    });
  });
  return { organizationId, workspaceId, apiKeyId };
}

export interface GrantTerms {
  readonly kind?: 'purchase' | 'promotional' | 'adjustment';
  readonly source?: string;
  readonly tax?: NanoUsd;
  readonly happenedAt?: Date;
  readonly expiresAt?: Date;
}

export const give = (pool: Pool, payer: Payer, amount: NanoUsd, terms: GrantTerms = {}) => {
  const grantId = newId('grant', systemEntropy);
  return pool.transaction((tx) =>
    issueGrant(tx, {
      organizationId: payer.organizationId,
      grantId,
      amount,
      ...terms,
      kind: terms.kind ?? 'purchase',
      source: terms.source ?? `pi_${grantId}`,
    }),
  );
};

/**
 * Moves business time into the next month, and away from both its ends: 31 days may be two months,
 * and a test may run at midnight.
 */
export const toNextMonth = (pool: Pool) =>
  pool.query({
    text: `SELECT bursar.advance_clock(
             orgs.month_after(bursar.now()) + interval '10 days' - bursar.now())`,
  });

export const newRequest = (): RequestId => newId('request', systemEntropy);

export const recordOf = (payer: Payer, changes: Partial<RequestRecord> = {}): RequestRecord => ({
  apiKeyId: payer.apiKeyId,
  workspaceId: payer.workspaceId,
  model: 'claude-opus-5-5',
  rule: 'S1',
  usage: null,
  lines: null,
  listAmount: null,
  upstreamCost: null,
  priceVersion: 'test',
  startedAt: new Date('2026-11-21T00:00:00Z'),
  clientDisconnected: false,
  estimated: false,
  quarantined: false,
  upstreamStatus: 200,
  lossUsage: ZERO,
  adopted: false,
  retryOf: null,
  ...changes,
});

export interface LaneOptions {
  readonly leaseMs?: number;
  readonly renewEveryMs?: number;
  readonly batchMax?: number;
  readonly lane?: { readonly statementTimeoutMs?: number; readonly lockTimeoutMs?: number };
}

/** Charging with lanes of its own on a database, as a process has it. */
export function chargingOn(url: string, options: LaneOptions = {}) {
  const { lane, ...rest } = options;
  const lanes = openLanes(url, lane);
  const failures: unknown[] = [];
  const charging = openCharging({
    ...lanes,
    ...rest,
    onFailure: (error) => failures.push(error),
  });
  return {
    charging,
    failures,
    async close() {
      await charging.close();
      await lanes.close();
    },
  };
}

export const hold = (charging: Charging, payer: Payer, amount: NanoUsd, id = newRequest()) =>
  charging.hold({ ...payer, requestId: id, amount }).then((outcome) => ({ id, ...outcome }));

export const settle = (charging: Charging, payer: Payer, id: RequestId, cost: NanoUsd) =>
  charging.settle({
    organizationId: payer.organizationId,
    requestId: id,
    resolution: 'settle',
    cost,
    record: recordOf(payer),
  });

export const voidHold = (charging: Charging, payer: Payer, id: RequestId, loss = nanos(0n)) =>
  charging.settle({
    organizationId: payer.organizationId,
    requestId: id,
    resolution: 'void',
    cost: ZERO,
    record: recordOf(payer, { rule: loss > 0n ? 'S7' : 'S6', lossUsage: loss }),
  });
