import type { PaymentsDeps } from '#payments/deps';
import { type Payment, PURPOSE } from '#payments/processor';
import { readRemedy } from '#payments/remedies';
import * as sql from '#payments/remedies-sql';
import { type Net, netOf } from '#payments/remedy-net';
import { findByProcessorIds, type Purchase } from '#payments/sql';

/** How a payment stands, as far as a person can do something about it here. */
export type Standing =
  /** Ours, and it fits nothing. */
  | 'set_aside'
  /** Of another product or of none: nothing here touches it unless a person says so. */
  | 'other_product'
  /** A decision is being carried out. */
  | 'under_way'
  | 'decided'
  | 'credited'
  /** Ours and paid; it becomes credit, or is set aside, by itself. */
  | 'settling'
  | 'other_deployment'
  | 'not_paid';

export interface PaymentLook {
  readonly payment: Payment;
  readonly standing: Standing;
  readonly remedy: sql.Remedy | undefined;
  readonly purchase: Purchase | undefined;
  /** Whose it is, as far as anything says so. */
  readonly organizationId: string | null;
  readonly mismatches: readonly string[];
  /** What crediting it would give and what of it is tax, or why it can only be refunded. */
  readonly net: Net | 'not_usd' | 'tax_unknown';
  /** Something of it went back to its card, or is on its way there. */
  readonly refunded: boolean;
}

export type Looked =
  | { readonly outcome: 'found'; readonly look: PaymentLook }
  | { readonly outcome: 'missing' }
  | { readonly outcome: 'processor_unavailable' };

/** Reads any payment of the account from the processor, and what is known of it here. */
export async function lookAtPayment(deps: PaymentsDeps, paymentIntentId: string): Promise<Looked> {
  const answer = await deps.processor.retrievePayment(paymentIntentId);
  if (answer.outcome === 'missing') return { outcome: 'missing' };
  if (answer.outcome === 'unavailable') return { outcome: 'processor_unavailable' };
  const { payment } = answer;
  const { received } = payment;
  const [net, refunds] = await Promise.all([
    received === undefined ? ('not_usd' as const) : netOf(deps, payment, received),
    deps.moneyBack.listRefunds(paymentIntentId),
  ]);
  if (net === 'processor_unavailable' || refunds.outcome === 'unavailable') {
    return { outcome: 'processor_unavailable' };
  }
  const { pool, processor } = deps;
  const [remedy, [aside], [purchase]] = await Promise.all([
    readRemedy(pool, payment.id),
    pool.query<sql.SetAsideRow>(sql.findSetAside(processor.name, payment.id)),
    pool.query<Purchase>(findByProcessorIds(null, payment.id)),
  ]);
  const found = { payment, remedy, purchase, aside };
  const decided = remedy?.organizationId;
  const named =
    decided ?? aside?.organizationId ?? purchase?.organizationId ?? payment.organizationId;
  const look: PaymentLook = {
    ...{ payment, remedy, purchase },
    standing: standingOf(deps, found),
    organizationId: named ?? (await ownerOf(deps, payment)),
    mismatches: aside?.mismatches ?? [],
    net,
    refunded:
      refunds.outcome === 'found' && refunds.refunds.some(({ status }) => status !== 'failed'),
  };
  return { outcome: 'found', look };
}

function standingOf(
  deps: PaymentsDeps,
  of: {
    readonly payment: Payment;
    readonly remedy: sql.Remedy | undefined;
    readonly purchase: Purchase | undefined;
    readonly aside: sql.SetAsideRow | undefined;
  },
): Standing {
  const { payment, remedy, purchase, aside } = of;
  if (remedy?.state === 'done' || aside?.resolved === true) return 'decided';
  if (remedy?.state === 'requested' || remedy?.state === 'pending') return 'under_way';
  if (purchase?.state === 'credited') return 'credited';
  if (aside !== undefined) {
    return (aside.environment ?? deps.environment) === deps.environment
      ? 'set_aside'
      : 'other_deployment';
  }
  if (payment.status !== 'succeeded') return 'not_paid';
  if (payment.purpose !== PURPOSE) return 'other_product';
  return payment.environment === deps.environment ? 'settling' : 'other_deployment';
}

async function ownerOf(deps: PaymentsDeps, payment: Payment): Promise<string | null> {
  if (payment.customerId === null) return null;
  const [row] = await deps.pool.query<{ organizationId: string }>(
    sql.organizationOf(deps.processor.name, payment.customerId),
  );
  return row?.organizationId ?? null;
}
