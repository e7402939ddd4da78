import type { Statement } from '#db/pool';
import type { RequestId } from '#kernel/ids';

export interface RequestRow {
  readonly organization_id: string;
  readonly request_id: string;
  readonly api_key_id: string;
  readonly workspace_id: string;
  readonly model: string;
  readonly rule: string;
  readonly usage: unknown;
  readonly price_version: string;
  readonly charged_nanos: bigint;
  readonly overrun_nanos: bigint;
  readonly client_disconnected: boolean;
  readonly estimated: boolean;
  readonly quarantined: boolean;
  readonly started_at: Date;
  readonly settled_at: Date;
}

/** One request by its id, whoever's it is: for operators. */
export const requestById = (requestId: RequestId): Statement => ({
  text: 'SELECT * FROM metering.requests WHERE request_id = $1',
  values: [requestId],
});
