import { z } from 'zod';
import { recordAudit } from '#identity/audit';
import { parseId } from '#kernel/ids';
import { formatUsd, parseUsd } from '#kernel/money';
import { viewPurchase } from '#payments/purchase-view';
import {
  type Begun,
  beginPurchase,
  cancelPurchase,
  listPurchases,
  type Purchase,
  readPurchase,
  refreshPurchase,
} from '#payments/purchases';
import { type AdminApp, type AdminDeps, documented, refuse } from './door.ts';

const AMOUNT_FORM = 'expected US dollars such as "5" or "12.50"';
/** Recent ones; the ledger's lines hold everything that moved money. */
const LISTED_MAX = 100;

const body = z.object({ amount_usd: z.string({ error: AMOUNT_FORM }) });
const params = z.object({ id: z.string() });
/** Documented in the guide: its states and words are those of the Console. */
const purchase = z.looseObject({ id: z.string(), type: z.literal('purchase'), state: z.string() });
const list = z.object({ data: z.array(purchase) });

const invalid = (begun: Exclude<Begun, { purchase: unknown }>): string => {
  switch (begun.outcome) {
    case 'amount_not_cents':
      return 'amount_usd: expected whole cents';
    case 'amount_too_small':
      return `amount_usd: expected at least ${formatUsd(begun.minimum)}`;
    case 'amount_too_large':
      return `amount_usd: expected at most ${formatUsd(begun.maximum)}`;
    case 'barred':
      return `${begun.failure.message} ${begun.failure.next_step}`;
  }
};

/** Purchases by a program: where to pay comes back as `redirect_url`. */
export function purchaseRoutes(app: AdminApp, deps: AdminDeps): void {
  const show = (one: Purchase) => viewPurchase(deps.pool, one).then((view) => ({ ...view }));
  const find = async (organizationId: string, text: string): Promise<Purchase | undefined> => {
    const id = parseId('purchase', text);
    return id === undefined ? undefined : await readPurchase(deps.pool, id, organizationId);
  };

  app.post(
    '/purchases',
    { schema: { ...documented('Begin a purchase'), body, response: { 201: purchase } } },
    async (request, reply) => {
      const { organizationId, apiKeyId: actor } = deps.callerOf(request);
      const amount = parseUsd(request.body.amount_usd);
      if (amount === undefined) {
        const message = `amount_usd: ${AMOUNT_FORM}`;
        return refuse(request, reply, 'invalid_request', { message });
      }
      const asked = { organizationId, amount, trigger: 'manual', actor } as const;
      const begun = await beginPurchase(deps.payments, asked);
      if (!('purchase' in begun)) {
        return refuse(request, reply, 'invalid_request', { message: invalid(begun) });
      }
      const subject = begun.purchase.id;
      const audit = { organizationId, actor, action: 'purchase.begin', subject } as const;
      await recordAudit(deps.pool, { ...audit, requestId: request.id });
      return reply.code(201).send(await show(begun.purchase));
    },
  );

  app.get(
    '/purchases',
    { schema: { ...documented('Purchases, newest first'), response: { 200: list } } },
    async (request) => {
      const { organizationId } = deps.callerOf(request);
      const purchases = await listPurchases(deps.pool, organizationId, LISTED_MAX);
      return { data: await Promise.all(purchases.map(show)) };
    },
  );

  app.get(
    '/purchases/:id',
    { schema: { ...documented('One purchase'), params, response: { 200: purchase } } },
    async (request, reply) => {
      const { organizationId } = deps.callerOf(request);
      const found = await find(organizationId, request.params.id);
      if (found === undefined) return refuse(request, reply, 'not_found');
      // Whoever asks waits for it: the processor is asked too.
      const fresh = await refreshPurchase(deps.payments, found.id);
      return show('purchase' in fresh ? fresh.purchase : found);
    },
  );

  app.post(
    '/purchases/:id/cancel',
    { schema: { ...documented('Cancel a purchase'), params, response: { 200: purchase } } },
    async (request, reply) => {
      const { organizationId, apiKeyId: actor } = deps.callerOf(request);
      const found = await find(organizationId, request.params.id);
      if (found === undefined) return refuse(request, reply, 'not_found');
      const canceled = await cancelPurchase(deps.payments, found.id, organizationId);
      const audit = {
        organizationId,
        actor,
        action: 'purchase.cancel',
        subject: found.id,
      } as const;
      await recordAudit(deps.pool, { ...audit, requestId: request.id });
      return show('purchase' in canceled ? canceled.purchase : found);
    },
  );
}
