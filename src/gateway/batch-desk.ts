import type { FastifyReply, FastifyRequest } from 'fastify';
import type { CreateDeps } from '#batches/create';
import type { SettleDeps } from '#batches/settle';
import { callerOf, type GuardDeps, sendRefusal } from '#gateway/guard';
import type { RateGate } from '#gateway/rates';
import type { Refused } from '#gateway/refused';
import type { Upstream } from '#gateway/upstream';

export interface BatchesDeps extends GuardDeps, Omit<CreateDeps, 'refusesModel' | 'onFailure'> {
  readonly upstream: Upstream;
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
