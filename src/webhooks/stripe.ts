import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Pool } from '#db/pool';
import { WEBHOOK_PATH } from '#payments/endpoint-check';
import { receiveEvent } from '#payments/inbox';
import { verifyStripeWebhook } from '#payments/stripe';

/** Real events are a few KiB; more is an attempt to make us work before we know who asks (T4). */
const BODY_BYTES_MAX = 512 * 1024;

export interface StripeWebhookDeps {
  readonly pool: Pool;
  /** One, or two while a secret is being replaced. None: the route refuses everything. */
  readonly secrets: readonly string[];
  /** Which mode this deployment sells in; events of the other are refused (S33). */
  readonly livemode: boolean;
}

/** POST /webhooks/stripe: verify, store, answer. Answers carry no detail: the caller may be anyone. */
export function registerStripeWebhook(app: FastifyInstance, deps: StripeWebhookDeps): void {
  const secrets = deps.secrets.map((secret) => secret.trim()).filter((secret) => secret !== '');
  app.register(async (scope) => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => {
      done(null, body);
    });
    scope.post(
      WEBHOOK_PATH,
      { bodyLimit: BODY_BYTES_MAX, schema: { hide: true } },
      (request, reply) => receive(deps, secrets, request, reply),
    );
  });
}

async function receive(
  deps: StripeWebhookDeps,
  secrets: readonly string[],
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  if (secrets.length === 0) return reply.code(503).send({ received: false });
  const signature = request.headers['stripe-signature'];
  if (!Buffer.isBuffer(request.body) || typeof signature !== 'string') {
    return reply.code(400).send({ received: false });
  }
  const verified = verifyStripeWebhook(request.body, signature, secrets);
  if (verified.outcome === 'forged') return reply.code(400).send({ received: false });
  const { event } = verified;
  // An event about nothing we can name needs no second delivery.
  if (event === undefined) return reply.code(200).send({ received: true });
  if (event.livemode !== deps.livemode) {
    request.log.error({ event: event.id }, 'webhook of the wrong mode refused');
    return reply.code(400).send({ received: false });
  }
  await receiveEvent(deps.pool, WEBHOOK_PATH, event);
  return reply.code(200).send({ received: true });
}
