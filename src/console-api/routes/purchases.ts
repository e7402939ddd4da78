import * as z from 'zod/mini';
import { recordAudit } from '#identity/audit';
import { type OrganizationId, parseId } from '#kernel/ids';
import { centsExactly, formatUsd, type NanoUsd, parseUsd } from '#kernel/money';
import type { PurchaseFailure } from '#payments/declines';
import type { PaymentsDeps } from '#payments/deps';
import { purchaseBounds } from '#payments/purchase-bounds';
import { agreeToKeep } from '#payments/purchase-cards';
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
import {
  createPurchaseRequest,
  type Purchase as PurchaseBody,
  purchase as purchaseBody,
  purchaseList,
} from '../contract.ts';
import type { Api, ConsoleDeps } from '../deps.ts';
import type { RefusalCode, Said } from '../refusals.ts';
import { refuse } from '../refusals.ts';
import { memberOf, withAbility } from '../viewer.ts';

/** Recent ones; the statement holds everything that moved money. */
const LIST_LIMIT = 20;

const params = z.object({ id: z.string() });

/** Only the asker's organization's: another's purchase is as unknown as one that never was. */
async function find(
  deps: ConsoleDeps,
  organizationId: OrganizationId,
  text: string,
): Promise<Purchase | undefined> {
  const id = parseId('purchase', text);
  return id === undefined ? undefined : await readPurchase(deps.pool, id, organizationId);
}

/** The contract's arrays are mutable ones; the view is copied rather than cast. */
async function show(deps: ConsoleDeps, purchase: Purchase): Promise<PurchaseBody> {
  const view = await viewPurchase(deps.pool, purchase);
  return { ...view, timeline: [...view.timeline] };
}

interface AmountRefused {
  readonly refuse: 'amount_too_small' | 'amount_too_large' | 'amount_not_cents';
  readonly said?: Said;
}

/** The limits that an amount alone decides, in the words that a purchase is refused with. */
export async function amountRefusal(
  payments: PaymentsDeps,
  organizationId: OrganizationId,
  amount: NanoUsd,
): Promise<AmountRefused | undefined> {
  if (centsExactly(amount) === undefined) return { refuse: 'amount_not_cents' };
  const { minimum, maximum } = await purchaseBounds(payments, organizationId);
  if (amount < minimum) return tooSmall(minimum);
  return amount > maximum ? tooLarge(maximum) : undefined;
}

const tooSmall = (minimum: NanoUsd): AmountRefused => ({
  refuse: 'amount_too_small',
  said: { message: `The smallest purchase is $${formatUsd(minimum)}.` },
});

const tooLarge = (maximum: NanoUsd): AmountRefused => ({
  refuse: 'amount_too_large',
  said: { message: `The largest purchase is $${formatUsd(maximum)}.` },
});

/** Decided before a card was asked for anything. */
function barred(failure: PurchaseFailure): Answer {
  const { message, next_step: nextStep } = failure;
  return failure.code === 'region_not_supported'
    ? { refuse: 'region_not_supported', said: { message, nextStep } }
    : { refuse: 'billing_address_needed', said: { message, nextStep } };
}

type Answer = { readonly show: Purchase } | { readonly refuse: RefusalCode; readonly said?: Said };

/** What became of "Buy": an existing purchase is always shown, whatever the processor said. */
function answerTo(begun: Begun): Answer {
  switch (begun.outcome) {
    case 'opened':
    case 'processor_unavailable':
    case 'processor_refused':
      return { show: begun.purchase };
    case 'amount_not_cents':
    case 'nonce_reused':
      return { refuse: begun.outcome };
    case 'amount_too_small':
      return tooSmall(begun.minimum);
    case 'amount_too_large':
      return tooLarge(begun.maximum);
    case 'barred':
      return barred(begun.failure);
  }
}

function readRoutes(app: Api, deps: ConsoleDeps): void {
  const guarded = { onRequest: withAbility(deps, 'billing.view') };

  app.get(
    '/purchases',
    { ...guarded, schema: { response: { 200: purchaseList } } },
    async (request) => {
      const { organizationId } = memberOf(request);
      const purchases = await listPurchases(deps.pool, organizationId, LIST_LIMIT);
      return { data: await Promise.all(purchases.map((one) => show(deps, one))) };
    },
  );

  app.get(
    '/purchases/:id',
    { ...guarded, schema: { params, response: { 200: purchaseBody } } },
    async (request, reply) => {
      const found = await find(deps, memberOf(request).organizationId, request.params.id);
      return found === undefined ? refuse(reply, 'not_found') : await show(deps, found);
    },
  );
}

function beginRoute(app: Api, deps: ConsoleDeps): void {
  app.post(
    '/purchases',
    {
      onRequest: withAbility(deps, 'billing.buy'),
      schema: { body: createPurchaseRequest, response: { 201: purchaseBody } },
    },
    async (request, reply) => {
      const { userId, organizationId } = memberOf(request);
      const amount = parseUsd(request.body.amount_usd);
      if (amount === undefined) return refuse(reply, 'amount_invalid');
      const { nonce, card_consent_version: version } = request.body;
      const keep = version === undefined ? undefined : agreeToKeep(version, request.ip);
      if (keep?.outcome === 'consent_outdated') return refuse(reply, keep.outcome);
      const asked = { organizationId, amount, trigger: 'manual', actor: userId, nonce } as const;
      const card = keep === undefined ? {} : { keepCard: keep.agreed };
      const answer = answerTo(await beginPurchase(deps.payments, { ...asked, ...card }));
      if ('refuse' in answer) return refuse(reply, answer.refuse, answer.said);
      const who = { organizationId, actor: userId, subject: answer.show.id, requestId: request.id };
      await recordAudit(deps.pool, { ...who, action: 'purchase.begin' });
      if (keep !== undefined) await recordAudit(deps.pool, { ...who, action: 'card.consent' });
      return reply.code(201).send(await show(deps, answer.show));
    },
  );
}

function followUpRoutes(app: Api, deps: ConsoleDeps): void {
  const options = {
    onRequest: withAbility(deps, 'billing.buy'),
    schema: { params, response: { 200: purchaseBody } },
  };

  app.post('/purchases/:id/refresh', options, async (request, reply) => {
    const found = await find(deps, memberOf(request).organizationId, request.params.id);
    if (found === undefined) return refuse(reply, 'not_found');
    // An unreachable processor is no news for the customer: the purchase is shown as it stands.
    const refreshed = await refreshPurchase(deps.payments, found.id);
    return await show(deps, 'purchase' in refreshed ? refreshed.purchase : found);
  });

  app.post('/purchases/:id/cancel', options, async (request, reply) => {
    const { userId, organizationId } = memberOf(request);
    const found = await find(deps, organizationId, request.params.id);
    if (found === undefined) return refuse(reply, 'not_found');
    const canceled = await cancelPurchase(deps.payments, found.id, organizationId);
    switch (canceled.outcome) {
      case 'unknown_purchase':
        return refuse(reply, 'not_found');
      case 'processor_unavailable':
        return refuse(reply, 'processor_unavailable');
      // It ended another way first: the answer is how.
      case 'not_open':
        return await show(deps, canceled.purchase);
      case 'canceled':
        await recordAudit(deps.pool, {
          organizationId,
          actor: userId,
          action: 'purchase.cancel',
          subject: found.id,
          requestId: request.id,
        });
        return await show(deps, canceled.purchase);
    }
  });
}

/** Buying credits, from "Buy" to the way back from the payment page. */
export function purchaseRoutes(app: Api, deps: ConsoleDeps): void {
  readRoutes(app, deps);
  beginRoute(app, deps);
  followUpRoutes(app, deps);
}
