import type { FastifyRequest } from 'fastify';
import * as z from 'zod/mini';
import { recordAudit } from '#identity/audit';
import { parseId } from '#kernel/ids';
import { readOrganization } from '#orgs/organizations';
import { type Decided, decideRemedy, type RemedyKind } from '#payments/remedies';
import { lookAtPayment, type PaymentLook } from '#payments/remedy-look';
import type { Api, ConsoleDeps } from '../deps.ts';
import { type RefusalCode, refuse, type Said } from '../refusals.ts';
import { viewerOf } from '../viewer.ts';
import {
  creditRequest,
  type OperatorPayment,
  paymentRefundRequest,
  paymentResponse,
} from './contract.ts';
import { asFreshOperator, asOperator } from './guard.ts';
import { STANDINGS, viewPayment } from './payment-view.ts';

const params = z.object({ id: z.string() });

interface Asked {
  readonly kind: RemedyKind;
  readonly paymentIntentId: string;
  readonly organizationId: string | null;
  readonly reason: string;
}

/** A payment, and what an operator decides about it: credit it here, or give it back. */
export function remedyRoutes(app: Api, deps: ConsoleDeps): void {
  const response = { 200: paymentResponse };
  const fresh = { onRequest: asFreshOperator(deps) };

  app.get(
    '/operator/payments/:id',
    { onRequest: asOperator(deps), schema: { params, response } },
    async (request, reply) => {
      const looked = await lookAt(deps, request.params.id);
      if (looked.outcome === 'missing') return refuse(reply, 'not_found');
      if (looked.outcome !== 'found') return refuse(reply, 'processor_unavailable');
      return await viewPayment(deps, looked.look);
    },
  );

  app.post(
    '/operator/payments/:id/credit',
    { ...fresh, schema: { params, body: creditRequest, response } },
    async (request, reply) => {
      const { organization_id: organizationId, reason } = request.body;
      const payment = { kind: 'credit', paymentIntentId: request.params.id } as const;
      const answer = await decide(deps, request, { ...payment, organizationId, reason });
      return 'show' in answer ? answer.show : refuse(reply, answer.refuse, answer.said);
    },
  );

  app.post(
    '/operator/payments/:id/refund',
    { ...fresh, schema: { params, body: paymentRefundRequest, response } },
    async (request, reply) => {
      const { reason } = request.body;
      const payment = { kind: 'refund', paymentIntentId: request.params.id } as const;
      const answer = await decide(deps, request, { ...payment, organizationId: null, reason });
      return 'show' in answer ? answer.show : refuse(reply, answer.refuse, answer.said);
    },
  );
}

type Answer =
  | { readonly show: OperatorPayment }
  | { readonly refuse: RefusalCode; readonly said?: Said };

const PAYMENT_ID = /^[A-Za-z0-9_]{1,100}$/;

/** What cannot be an id is not taken to the processor as a part of an address. */
const lookAt = (deps: ConsoleDeps, id: string) =>
  PAYMENT_ID.test(id)
    ? lookAtPayment(deps.payments, id)
    : Promise.resolve({ outcome: 'missing' } as const);

async function decide(deps: ConsoleDeps, request: FastifyRequest, asked: Asked): Promise<Answer> {
  const looked = await lookAt(deps, asked.paymentIntentId);
  if (looked.outcome === 'missing') return { refuse: 'not_found' };
  if (looked.outcome !== 'found') return { refuse: 'processor_unavailable' };
  const { look } = looked;
  const { userId } = viewerOf(request);
  if (!STANDINGS[look.standing].decidable) return await decided(deps, look, asked, userId);
  // A refund goes where the payment came from, whoever is named.
  const organizationId =
    asked.kind === 'credit' ? (asked.organizationId ?? look.organizationId) : null;
  if (asked.kind === 'credit') {
    if (typeof look.net === 'string') return onlyRefund(await viewPayment(deps, look));
    const known = organizationId !== null && (await readOrganization(deps.pool, organizationId));
    if (!known) return { refuse: 'organization_missing' };
  }
  const told = await carryOut(deps, look, { ...asked, organizationId }, { userId, request });
  if (told.outcome === 'organization_missing') return { refuse: told.outcome };
  if (told.outcome === 'not_usd') return onlyRefund(await viewPayment(deps, look));
  const again = await lookAt(deps, asked.paymentIntentId);
  const now = again.outcome === 'found' ? again.look : look;
  return told.outcome === 'requested'
    ? { show: await viewPayment(deps, now) }
    : await decided(deps, now, asked, userId);
}

const onlyRefund = ({ only_refund: why }: OperatorPayment): Answer => ({
  refuse: 'only_refund',
  ...(why === null ? {} : { said: { message: why } }),
});

/** The decision and its audit row, together. */
function carryOut(
  deps: ConsoleDeps,
  look: PaymentLook,
  asked: Asked,
  by: { readonly userId: string; readonly request: FastifyRequest },
): Promise<Decided> {
  const { kind, reason, paymentIntentId } = asked;
  const named = asked.organizationId;
  const organizationId = named === null ? undefined : parseId('organization', named);
  const to = organizationId === undefined ? {} : { organizationId };
  const outsider = look.standing === 'other_product' ? { outsider: outsiderOf(deps, look) } : {};
  const decision = { paymentIntentId, kind, reason, actor: by.userId, ...to, ...outsider };
  return deps.pool.transaction(async (tx) => {
    const told = await decideRemedy(tx, decision);
    if (told.outcome === 'requested') {
      await recordAudit(tx, {
        organizationId: told.organizationId,
        actor: by.userId,
        action: `payment.${kind}`,
        subject: paymentIntentId,
        reason,
        requestId: by.request.id,
      });
    }
    return told;
  });
}

const outsiderOf = (deps: ConsoleDeps, { payment, organizationId }: PaymentLook) => ({
  provider: deps.payments.processor.name,
  paymentIntentId: payment.id,
  organizationId,
  purchaseId: null,
  receivedMinorUnits: payment.receivedMinorUnits,
  currency: payment.currency,
  mismatches: ['product'],
  environment: deps.payments.environment,
});

/** The same person's second press is told what became of the first; anybody else, who was first. */
async function decided(
  deps: ConsoleDeps,
  look: PaymentLook,
  asked: Asked,
  userId: string,
): Promise<Answer> {
  const view = await viewPayment(deps, look);
  const { remedy } = view;
  if (remedy === null) return { refuse: 'not_decidable', said: { message: view.words } };
  const sameTarget =
    asked.organizationId === null || asked.organizationId === look.remedy?.organizationId;
  if (look.remedy?.actor === userId && remedy.kind === asked.kind && sameTarget) {
    return { show: view };
  }
  const done = remedy.kind === 'credit' ? 'credited' : 'refunded';
  const at = `${remedy.at.slice(0, 16).replace('T', ' ')} UTC`;
  const message = `${remedy.by} decided on ${at} that this payment is ${done}: “${remedy.reason}”.`;
  return { refuse: 'already_decided', said: { message } };
}
