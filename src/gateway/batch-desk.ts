import type { FastifyReply, FastifyRequest } from 'fastify';
import type { CreateDeps } from '#batches/create';
import type { Batch } from '#batches/records';
import type { SettleDeps } from '#batches/settle';
import type { BatchFleet } from '#gateway/batch-upstream';
import { callerOf, type GuardDeps, sendRefusal } from '#gateway/guard';
import type { NoteMade, ThingOwners } from '#gateway/made-notes';
import type { RateGate } from '#gateway/rates';
import type { Refused } from '#gateway/refused';
import type { Upstream } from '#gateway/upstream';

export interface BatchesDeps extends GuardDeps, Omit<CreateDeps, 'refusesModel' | 'onFailure'> {
  /** Told of what results made in the operator's account. */
  readonly noteMade?: NoteMade | undefined;
  readonly fleet: BatchFleet;
  /** Whose files and containers there are. */
  readonly things: ThingOwners;
  readonly breaker: { open(model: string): boolean };
  /** Absent: no rate limits. */
  readonly rates?: RateGate | undefined;
  readonly brand: string | undefined;
  readonly billingUrl: string;
  /** Where customers reach the gateway, without a final slash; else where a request was sent to. */
  readonly publicUrl: string | undefined;
  readonly log: {
    error(fields: object, message: string): void;
  };
}

/** What every route about batches works with. */
export interface BatchDesk extends BatchesDeps {
  readonly settling: SettleDeps;
}

/**
 * Where a batch is asked about. If its upstream is not in the configuration, the operator is told,
 * the refusal sent, and undefined returned.
 */
export function upstreamFor(
  desk: BatchDesk,
  request: FastifyRequest,
  reply: FastifyReply,
  batch: Pick<Batch, 'id' | 'upstream'>,
): Upstream | undefined {
  const found = desk.fleet.at(batch.upstream)?.upstream;
  if (found !== undefined) return found;
  const fields = { batch: batch.id, upstream: batch.upstream };
  desk.log.error(fields, 'batch: its upstream is not in the configuration: put it back');
  sendRefusal(request, reply, 'upstream_removed');
  return undefined;
}

export const urlOf = (desk: BatchDesk, request: FastifyRequest): string =>
  desk.publicUrl ?? `${request.protocol}://${request.host}`;

export function sendRefused(
  desk: BatchDesk,
  request: FastifyRequest,
  reply: FastifyReply,
  { code, message, details }: Refused,
): FastifyReply {
  if (code === 'key_revoked' || code === 'key_expired') desk.door.forget(callerOf(request));
  return sendRefusal(request, reply, code, {
    brand: desk.brand,
    ...(message === undefined ? {} : { message }),
    ...(details === undefined ? {} : { details }),
  });
}
