import type { Db } from '#db/pool';
import type { OrganizationId, RequestId } from '#kernel/ids';
import { type NanoUsd, nanos } from '#kernel/money';
import * as sql from '#metering/sql';
import {
  type PricedUsage,
  type Repetition,
  readRepetition,
  readStoredUsage,
} from './stored-usage.ts';

/** A finished request as it was recorded with its settlement. */
export interface MeteredRequest extends PricedUsage, Required<Repetition> {
  readonly organizationId: OrganizationId;
  readonly requestId: RequestId;
  readonly apiKeyId: string;
  readonly workspaceId: string;
  readonly model: string;
  readonly rule: string;
  readonly priceVersion: string;
  readonly charged: NanoUsd;
  readonly overrun: NanoUsd;
  readonly clientDisconnected: boolean;
  readonly estimated: boolean;
  readonly quarantined: boolean;
  readonly startedAt: Date;
  readonly settledAt: Date;
}

export async function readRequest(db: Db, id: RequestId): Promise<MeteredRequest | undefined> {
  const [row] = await db.query<sql.RequestRow>(sql.requestById(id));
  if (row === undefined) return undefined;
  return {
    // The row was written by `metering.record` from values that had these types.
    organizationId: row.organization_id as OrganizationId,
    requestId: id,
    apiKeyId: row.api_key_id,
    workspaceId: row.workspace_id,
    model: row.model,
    rule: row.rule,
    ...readStoredUsage(row.usage),
    ...readRepetition(row.usage),
    priceVersion: row.price_version,
    charged: nanos(row.charged_nanos),
    overrun: nanos(row.overrun_nanos),
    clientDisconnected: row.client_disconnected,
    estimated: row.estimated,
    quarantined: row.quarantined,
    startedAt: row.started_at,
    settledAt: row.settled_at,
  };
}
