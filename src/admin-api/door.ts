import type { IncomingMessage, ServerResponse } from 'node:http';
import type {
  FastifyBaseLogger,
  FastifyInstance,
  FastifyReply,
  FastifyRequest,
  onRequestAsyncHookHandler,
  RawServerDefault,
} from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import type { Pool } from '#db/pool';
import { type RefusalCode, type RefusalContext, wireError } from '#http/wire-errors';
import type { ApiKeyId, Entropy, OrganizationId } from '#kernel/ids';
import type { EndpointDeps } from '#outgoing-webhooks/deps';
import type { PaymentsDeps } from '#payments/deps';
import type { PriceBook } from '#pricing/book';
import type { TierBook } from '#rate-limits/tiers';

/** An app whose routes are typed by their zod schemas. */
export type AdminApp = FastifyInstance<
  RawServerDefault,
  IncomingMessage,
  ServerResponse,
  FastifyBaseLogger,
  ZodTypeProvider
>;

export interface AdminCaller {
  readonly organizationId: OrganizationId;
  readonly apiKeyId: ApiKeyId;
  readonly kind: 'workspace' | 'admin';
}

/** The door of the gateway whose port this shares: edges do not import each other. */
export interface AdminDoor {
  /** Refuses who has no good key, and remembers who has. */
  readonly guard: onRequestAsyncHookHandler;
  callerOf(request: FastifyRequest): AdminCaller;
}

export interface AdminDeps extends AdminDoor {
  readonly pool: Pool;
  readonly payments: PaymentsDeps;
  readonly entropy: Entropy;
  /** What webhook endpoints are made with. */
  readonly webhooks: Pick<EndpointDeps, 'pepper' | 'policy'>;
  /** Which models there are; and for receipts of a release that kept no lines. */
  readonly book: () => PriceBook;
  /** Which tiers there are, and that of whoever has none of its own; absent: the bundled, none. */
  readonly tiers?: TierBook;
  readonly defaultTier?: string;
}

const VERSIONS: readonly unknown[] = ['2023-06-01', '2026-10-21'];

/** After `guard`: only an admin key, and a version of the API that there is. */
export const adminOnly = (deps: AdminDeps): onRequestAsyncHookHandler =>
  async function admitAdmin(request, reply) {
    if (deps.callerOf(request).kind !== 'admin') {
      return refuse(request, reply, 'workspace_key_not_accepted');
    }
    const version = request.headers['anthropic-version'];
    if (version === undefined || version === '') return refuse(request, reply, 'version_missing');
    if (!VERSIONS.includes(version)) return refuse(request, reply, 'version_unknown');
    return undefined;
  };

export function refuse(
  request: FastifyRequest,
  reply: FastifyReply,
  code: RefusalCode,
  context: Omit<RefusalContext, 'requestId'> = {},
): FastifyReply {
  const error = wireError(code, { ...context, requestId: request.id });
  return reply.code(error.status).headers(error.headers).send(error.body);
}

/** What the documentation says of every route here. */
export const documented = (summary: string) => ({
  summary,
  tags: ['Admin'],
  security: [{ apiKey: [] }, { bearer: [] }],
});
