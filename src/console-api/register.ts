import cookie from '@fastify/cookie';
import type { FastifyInstance } from 'fastify';
import { refuseCrossSite } from './cross-site.ts';
import type { Api, ConsoleDeps } from './deps.ts';
import { operatorRoutes } from './operator/register.ts';
import { refuse, refuseFailure } from './refusals.ts';
import { autoReloadRoutes } from './routes/auto-reload.ts';
import { billingRoutes } from './routes/billing.ts';
import { billingDetailsRoutes } from './routes/billing-details.ts';
import { starterCreditRoutes } from './routes/billing-starter.ts';
import { cardRoutes } from './routes/cards.ts';
import { creditAdviceRoutes } from './routes/credit-advice.ts';
import { estimateRoutes } from './routes/estimate.ts';
import { keyRoutes } from './routes/keys.ts';
import { limitRoutes } from './routes/limits.ts';
import { mailboxRoutes } from './routes/mailbox.ts';
import { noticeRoutes } from './routes/notices.ts';
import { organizationRoutes } from './routes/organizations.ts';
import { paymentRoutes } from './routes/payments.ts';
import { purchaseRoutes } from './routes/purchases.ts';
import { signInRoutes } from './routes/sign-in.ts';
import { spendWatchRoutes } from './routes/spend-watch.ts';
import { watchingRoutes } from './routes/watching.ts';
import { webhookDeliveryRoutes } from './routes/webhook-deliveries.ts';
import { webhookRoutes } from './routes/webhooks.ts';

/** Largest body a page sends is a name and a nonce. */
const BODY_LIMIT_BYTES = 16 * 1024;

/**
 * Puts the Console's API under `/api`. The app must validate with zod (`#http/app` does).
 * Its guards and error words stay inside; nothing leaks to other routes of the app.
 */
export async function registerConsoleApi(app: FastifyInstance, deps: ConsoleDeps): Promise<void> {
  await app.register(
    async (scope) => {
      const api: Api = scope.withTypeProvider();
      await scope.register(cookie);
      // A form of another site can send text/plain without asking; it is not spoken here.
      scope.removeContentTypeParser('text/plain');
      scope.setErrorHandler(refuseFailure);
      scope.setNotFoundHandler((_request, reply) => refuse(reply, 'not_found'));
      scope.addHook('onRequest', refuseCrossSite(deps.consoleUrl));
      scope.addHook('onSend', async (_request, reply, payload) => {
        reply.header('cache-control', 'no-store');
        return payload;
      });
      signInRoutes(api, deps);
      organizationRoutes(api, deps);
      billingRoutes(api, deps);
      starterCreditRoutes(api, deps);
      paymentRoutes(api, deps);
      purchaseRoutes(api, deps);
      billingDetailsRoutes(api, deps);
      cardRoutes(api, deps);
      autoReloadRoutes(api, deps);
      creditAdviceRoutes(api, deps);
      estimateRoutes(api, deps);
      keyRoutes(api, deps);
      limitRoutes(api, deps);
      noticeRoutes(api, deps);
      watchingRoutes(api, deps);
      if (deps.mailbox !== undefined) mailboxRoutes(api, deps.mailbox);
      webhookRoutes(api, deps);
      webhookDeliveryRoutes(api, deps);
      operatorRoutes(api, deps);
      spendWatchRoutes(api, deps);
    },
    { prefix: '/api', bodyLimit: BODY_LIMIT_BYTES },
  );
}
