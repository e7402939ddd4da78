import { formatUsd, nanos } from '#kernel/money';
import { emailsOf } from '#orgs/members';
import { organizationsOf } from '#orgs/search';
import { charged } from '#payments/reconcile-compare';
import { MISFITS, REMEDY_FAILURES, type Remedy } from '#payments/remedies';
import type { PaymentLook, Standing } from '#payments/remedy-look';
import type { ConsoleDeps } from '../deps.ts';
import type { OperatorPayment, Remedy as RemedyView } from './contract.ts';

/** Whether a person can decide about it, and what an operator reads. */
export const STANDINGS: Readonly<
  Record<Standing, { readonly decidable: boolean; readonly words: string }>
> = {
  set_aside: { decidable: true, words: 'It came in and fits nothing that was sold.' },
  other_product: {
    decidable: true,
    words:
      'It is not a purchase of credits. Nothing here touches it unless you decide so; ' +
      'the product it was paid for is not told.',
  },
  under_way: { decidable: false, words: 'A decision about it is being carried out.' },
  decided: { decidable: false, words: 'It has been dealt with.' },
  credited: { decidable: false, words: 'It is credit. Refund its purchase instead.' },
  settling: {
    decidable: false,
    words:
      'It is ours and no credit yet. That happens by itself, at the latest tonight; ' +
      '“bursar reconcile” does it at once.',
  },
  other_deployment: {
    decidable: false,
    words: 'It was sold by another deployment on the same account; decide there.',
  },
  not_paid: { decidable: false, words: 'It did not succeed: no money moved.' },
};

/** Why a payment cannot become credit. */
const ONLY_REFUND = {
  not_usd: 'It was paid in another currency, and credit is in US dollars.',
  tax_unknown: 'Tax was collected with it, and how much nobody can say; tax never becomes credit.',
} as const;

export async function viewPayment(deps: ConsoleDeps, look: PaymentLook): Promise<OperatorPayment> {
  const { payment, standing, organizationId: id, net } = look;
  const organizations = await organizationsOf(deps.pool, id === null ? [] : [id]);
  const organization = id === null ? undefined : organizations.get(id);
  return {
    id: payment.id,
    standing,
    ...STANDINGS[standing],
    organization:
      organization === undefined ? null : { id: organization.id, name: organization.name },
    purchase_id: look.purchase?.id ?? look.remedy?.purchaseId ?? payment.purchaseId,
    purpose: payment.purpose,
    mismatches: look.mismatches.map((fact) => MISFITS[fact] ?? fact),
    paid_at: payment.chargedAt?.toISOString() ?? null,
    received: charged(payment.receivedMinorUnits, payment.currency),
    amounts:
      typeof net === 'string'
        ? null
        : {
            credit_usd: formatUsd(net.credit),
            tax_usd: formatUsd(net.tax),
            total_usd: formatUsd(nanos(net.credit + net.tax)),
          },
    only_refund: typeof net === 'string' ? ONLY_REFUND[net] : null,
    refunded: look.refunded,
    remedy: look.remedy === undefined ? null : await viewRemedy(deps, look.remedy),
  };
}

async function viewRemedy(deps: ConsoleDeps, remedy: Remedy): Promise<RemedyView> {
  const { actor, failureCode: code } = remedy;
  return {
    kind: remedy.kind,
    state: remedy.state,
    // The command line has no person; it names itself.
    by: (await emailsOf(deps.pool, [actor])).get(actor) ?? actor,
    at: remedy.decidedAt.toISOString(),
    reason: remedy.reason,
    failure: code === null ? null : (REMEDY_FAILURES[code] ?? code),
    purchase_id: remedy.purchaseId,
  };
}
