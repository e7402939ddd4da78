import type { FastifyRequest } from 'fastify';
import * as z from 'zod/mini';
import { recordAudit } from '#identity/audit';
import { parseId } from '#kernel/ids';
import { formatUsd, nanos, parseUsd } from '#kernel/money';
import { changeOrganizationStatus, readOrganization } from '#orgs/organizations';
import { readPurchase } from '#payments/purchases';
import {
  quoteUnspent,
  type RefundAsked,
  type RefundQuoted,
  requestRefund,
} from '#payments/refunds';
import type { Api, ConsoleDeps } from '../deps.ts';
import { refuse } from '../refusals.ts';
import { viewerOf } from '../viewer.ts';
import {
  type OperatorOrganization,
  organizationResponse,
  type RefundQuote,
  refundQuote,
  refundRequest,
  refundResponse,
  statusRequest,
} from './contract.ts';
import { asFreshOperator, asOperator } from './guard.ts';
import { viewOrganization, viewRefund } from './organization-view.ts';

const params = z.object({ id: z.string() });

/** One organization: what it has, its purchases, and the few things an operator does to it. */
export function organizationRoutesOfOperator(app: Api, deps: ConsoleDeps): void {
  const response = { 200: organizationResponse };

  app.get(
    '/operator/organizations/:id',
    { onRequest: asOperator(deps), schema: { params, response } },
    async (request, reply) =>
      (await viewOrganization(deps, request.params.id)) ?? refuse(reply, 'not_found'),
  );

  const change = {
    onRequest: asFreshOperator(deps),
    schema: { params, body: statusRequest, response },
  };
  app.post('/operator/organizations/:id/suspend', change, async (request, reply) => {
    const to = { ...request.params, ...request.body, status: 'suspended' } as const;
    const changed = await setStatus(deps, request, to);
    return changed ?? refuse(reply, 'not_found');
  });
  app.post('/operator/organizations/:id/resume', change, async (request, reply) => {
    const to = { ...request.params, ...request.body, status: 'active' } as const;
    const changed = await setStatus(deps, request, to);
    return changed ?? refuse(reply, 'not_found');
  });
  refundRoutes(app, deps);
}

/** Twice is the same as once: what is so already is not written down as done again. */
async function setStatus(
  deps: ConsoleDeps,
  request: FastifyRequest,
  to: { readonly id: string; readonly reason: string; readonly status: 'active' | 'suspended' },
): Promise<OperatorOrganization | undefined> {
  const { id, reason, status } = to;
  await deps.pool.transaction(async (tx) => {
    if (!(await changeOrganizationStatus(tx, id, status))) return;
    await recordAudit(tx, {
      organizationId: id,
      actor: viewerOf(request).userId,
      action: status === 'suspended' ? 'organization.suspend' : 'organization.resume',
      subject: id,
      reason,
      requestId: request.id,
    });
  });
  return await viewOrganization(deps, id);
}

function refundRoutes(app: Api, deps: ConsoleDeps): void {
  app.get(
    '/operator/purchases/:id/refund',
    { onRequest: asOperator(deps), schema: { params, response: { 200: refundQuote } } },
    async (request, reply) => (await quote(deps, request.params.id)) ?? refuse(reply, 'not_found'),
  );

  app.post(
    '/operator/purchases/:id/refund',
    {
      onRequest: asFreshOperator(deps),
      schema: { params, body: refundRequest, response: { 200: refundResponse } },
    },
    async (request, reply) => {
      const { credit_usd: text, reason, seen } = request.body;
      const amount = parseUsd(text);
      if (amount === undefined || amount <= 0n) return refuse(reply, 'amount_invalid');
      const { userId: actor } = viewerOf(request);
      const asked = await deps.pool.transaction(async (tx) => {
        const wish = { purchaseId: request.params.id, amount, reason, actor, seen };
        const told = await requestRefund(tx, deps.entropy, wish);
        if (told.outcome === 'requested') {
          const { organizationId, id: subject } = told.refund;
          const event = { organizationId, actor, subject, reason, requestId: request.id };
          await recordAudit(tx, { ...event, action: 'refund.request' });
        }
        return told;
      });
      if (asked.outcome === 'requested') return viewRefund(asked.refund);
      if (asked.outcome === 'unknown_purchase') return refuse(reply, 'not_found');
      return refuse(reply, 'not_refundable', { message: refusalWords(asked) });
    },
  );
}

async function quote(deps: ConsoleDeps, text: string): Promise<RefundQuote | undefined> {
  const id = parseId('purchase', text);
  const purchase = id === undefined ? undefined : await readPurchase(deps.pool, id);
  if (purchase === undefined) return undefined;
  const { organizationId } = purchase;
  const quoted = await deps.pool.transaction((tx) => quoteUnspent(tx, purchase));
  const organization = await readOrganization(deps.pool, organizationId);
  const about = {
    purchase_id: purchase.id,
    organization: { id: organizationId, name: organization?.name ?? organizationId },
  };
  if (quoted.outcome !== 'refundable') {
    return { ...about, amounts: null, refusal: refusalWords(quoted), seen: 0 };
  }
  const { credit, tax, refunds } = quoted;
  const amounts = {
    credit_usd: formatUsd(credit),
    tax_usd: formatUsd(tax),
    total_usd: formatUsd(nanos(credit + tax)),
  };
  return { ...about, amounts, refusal: null, seen: refunds };
}

type Refused =
  | Exclude<RefundAsked, { outcome: 'requested' }>
  | Exclude<RefundQuoted, { outcome: 'refundable' }>;

function refusalWords(told: Refused): string {
  switch (told.outcome) {
    case 'unknown_purchase':
      return 'There is no such purchase.';
    case 'not_credited':
      return `The purchase is ${told.state}: it brought no credit that could go back.`;
    case 'nothing_unspent':
      return 'Nothing of this purchase is unspent that could be refunded.';
    case 'exceeds_unspent':
      return `Only $${formatUsd(told.refundable)} is unspent now. Nothing was refunded.`;
    case 'not_cents':
      return `Cards take whole cents; the nearest possible is $${formatUsd(told.nearest)}.`;
    case 'disputed':
      return `The bank disputes this payment (${told.dispute}): answer the dispute instead.`;
    case 'expired':
      return 'The credit of this purchase has expired.';
    case 'changed_since':
      return 'A refund of this purchase was made since this was shown. Nothing was refunded twice.';
  }
}
