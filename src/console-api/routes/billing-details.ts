import * as z from 'zod/mini';
import { recordAudit } from '#identity/audit';
import { parseId } from '#kernel/ids';
import { nanos, parseUsd } from '#kernel/money';
import { fourThings, type PaymentFacts } from '#payments/advice';
import { findDetails, saveDetails } from '#payments/billing-details';
import { type CardRow, savedCards } from '#payments/cards';
import { readPurchase } from '#payments/purchases';
import { DEFAULT_SELLING } from '#payments/selling';
import { quotePurchase } from '#payments/tax-quote';
import {
  adviceResponse,
  billingDetails,
  detailsResponse,
  detailsSaved,
  quoteRequest,
  quoteResponse,
} from '../billing/contract.ts';
import { countriesView, detailsView, quoteView, thingsView } from '../billing/views.ts';
import type { Api, ConsoleDeps } from '../deps.ts';
import { refuse } from '../refusals.ts';
import { memberOf, withAbility } from '../viewer.ts';
import { amountRefusal } from './purchases.ts';

function detailsRoutes(app: Api, deps: ConsoleDeps): void {
  const selling = deps.payments.selling ?? DEFAULT_SELLING;

  app.get(
    '/billing/details',
    {
      onRequest: withAbility(deps, 'billing.view'),
      schema: { response: { 200: detailsResponse } },
    },
    async (request) => {
      const details = await findDetails(deps.pool, memberOf(request).organizationId);
      return {
        details: details === undefined ? null : detailsView(details),
        needed_first: selling.addressFirst,
        countries: countriesView(selling),
      };
    },
  );

  app.post(
    '/billing/details',
    {
      onRequest: withAbility(deps, 'billing.buy'),
      schema: { body: billingDetails, response: { 200: detailsSaved } },
    },
    async (request, reply) => {
      const { userId, organizationId } = memberOf(request);
      const saved = await saveDetails(deps.payments, organizationId, userId, request.body);
      if (saved.outcome === 'invalid') {
        const [first] = saved.problems;
        return refuse(reply, 'details_invalid', {
          ...(first === undefined ? {} : { field: first.field, message: first.message }),
          problems: saved.problems,
        });
      }
      if (saved.outcome === 'region_not_supported') {
        const { message, next_step: nextStep } = saved.words;
        return refuse(reply, 'region_not_supported', { field: 'country', message, nextStep });
      }
      await recordAudit(deps.pool, {
        organizationId,
        actor: userId,
        action: 'billing_details.save',
        subject: organizationId,
        requestId: request.id,
      });
      return { details: detailsView(saved.details), copied: saved.copied };
    },
  );
}

/** The default card stands for the one that will be used, as far as anybody can tell. */
const likeliest = (cards: readonly CardRow[]): CardRow | null => cards[0] ?? null;

function quoteRoute(app: Api, deps: ConsoleDeps): void {
  app.post(
    '/billing/quote',
    {
      onRequest: withAbility(deps, 'billing.buy'),
      schema: { body: quoteRequest, response: { 200: quoteResponse } },
    },
    async (request, reply) => {
      const { organizationId } = memberOf(request);
      const amount = parseUsd(request.body.amount_usd);
      if (amount === undefined) return refuse(reply, 'amount_invalid');
      const refused = await amountRefusal(deps.payments, organizationId, amount);
      if (refused !== undefined) return refuse(reply, refused.refuse, refused.said);
      const [quote, cards] = await Promise.all([
        quotePurchase(deps.payments, organizationId, amount),
        savedCards(deps.payments, organizationId),
      ]);
      const facts: PaymentFacts = {
        credit: quote.amount,
        tax: quote.tax,
        addressCountry: quote.details?.country ?? null,
        card: likeliest(cards),
        decline: null,
        failure: null,
      };
      const { subscriptionUrl } = deps.payments.selling ?? DEFAULT_SELLING;
      return quoteView(quote, fourThings(facts), subscriptionUrl);
    },
  );
}

function adviceRoute(app: Api, deps: ConsoleDeps): void {
  app.get(
    '/purchases/:id/advice',
    {
      onRequest: withAbility(deps, 'billing.view'),
      schema: { params: z.object({ id: z.string() }), response: { 200: adviceResponse } },
    },
    async (request, reply) => {
      const { organizationId } = memberOf(request);
      const id = parseId('purchase', request.params.id);
      const purchase =
        id === undefined ? undefined : await readPurchase(deps.pool, id, organizationId);
      if (purchase === undefined) return refuse(reply, 'not_found');
      const [details, cards] = await Promise.all([
        findDetails(deps.pool, organizationId),
        savedCards(deps.payments, organizationId),
      ]);
      const things = fourThings({
        credit: purchase.credit,
        tax: purchase.automaticTax && purchase.tax === 0n ? null : nanos(purchase.tax),
        addressCountry: details?.country ?? null,
        card: purchase.lastDecline?.card ?? likeliest(cards),
        decline: purchase.lastDecline,
        failure: purchase.failure,
      });
      const { subscriptionUrl } = deps.payments.selling ?? DEFAULT_SELLING;
      return { things_to_check: thingsView(things), subscription_url: subscriptionUrl };
    },
  );
}

/** Where an organization is billed, and what a purchase would come to. */
export function billingDetailsRoutes(app: Api, deps: ConsoleDeps): void {
  detailsRoutes(app, deps);
  quoteRoute(app, deps);
  adviceRoute(app, deps);
}
