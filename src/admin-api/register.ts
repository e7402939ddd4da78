import type { FastifyInstance } from 'fastify';
import { apiKeyRoutes } from './api-keys.ts';
import { autoReloadRoutes } from './auto-reload.ts';
import { creditAdviceRoutes } from './credit-advice.ts';
import { creditRoutes } from './credits.ts';
import { type AdminApp, type AdminDeps, adminOnly } from './door.ts';
import { organizationRoutes } from './organization.ts';
import { purchaseRoutes } from './purchases.ts';
import { rateLimitRoutes } from './rate-limits.ts';
import { receiptRoutes } from './receipts.ts';
import { spendLimitRoutes } from './spend-limits.ts';
import { spendWatchRoutes } from './spend-watch.ts';
import { webhookDeliveryRoutes } from './webhook-deliveries.ts';
import { webhookRoutes } from './webhooks.ts';

/** The largest body here names a limit. */
const BODY_LIMIT_BYTES = 65_536;

/** Puts the Admin API on the gateway's app. Its parsing stays inside: Messages are read as bytes. */
export async function registerAdminApi(app: FastifyInstance, deps: AdminDeps): Promise<void> {
  await app.register(
    async (scope) => {
      const admin: AdminApp = scope.withTypeProvider();
      scope.removeAllContentTypeParsers();
      const json = scope.getDefaultJsonParser('error', 'error');
      // Many clients name a type for the body that a DELETE does not have.
      scope.addContentTypeParser(
        'application/json',
        { parseAs: 'string' },
        (request, body, done) => (body === '' ? done(null) : json(request, String(body), done)),
      );
      scope.addHook('onRequest', deps.guard);
      scope.addHook('onRequest', adminOnly(deps));
      organizationRoutes(admin, deps);
      apiKeyRoutes(admin, deps);
      creditRoutes(admin, deps);
      creditAdviceRoutes(admin, deps);
      receiptRoutes(admin, deps);
      purchaseRoutes(admin, deps);
      autoReloadRoutes(admin, deps);
      spendLimitRoutes(admin, deps);
      spendWatchRoutes(admin, deps);
      rateLimitRoutes(admin, deps);
      webhookRoutes(admin, deps);
      webhookDeliveryRoutes(admin, deps);
    },
    { prefix: '/v1/organizations', bodyLimit: BODY_LIMIT_BYTES },
  );
}
