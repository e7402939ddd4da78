import Stripe from 'stripe';
import type { OrganizationId } from '#kernel/ids';
import { settlePayment } from '#payments/settle';
import type { Purchase } from '#payments/sql';
import { type Browser, type ConsoleWorld, consoleWorld, OPERATORS } from '#test/console';

/** A Console with two operators, and payments that went where they should not. */
export interface OperatorWorld extends ConsoleWorld {
  readonly operator: Browser;
  /** Another person with the same rights. */
  readonly colleague: Browser;
  readonly stripe: Stripe;
  /** Succeeds, tagged as told; quarantined if its tags are ours. Answers its id. */
  payment(metadata: Readonly<Record<string, string>>, more?: PaymentMore): Promise<string>;
  /** Of ours, naming a purchase nobody knows; quarantined. */
  misdirected(more?: PaymentMore): Promise<string>;
  /** A purchase of $20 that the processor took as another amount; quarantined. */
  ofWrongAmount(
    org: OrganizationId,
    taxPercent?: string,
  ): Promise<{ purchase: Purchase; payment: string }>;
  /** Who did what to a subject, and why. */
  audit(subject: string): Promise<readonly AuditRow[]>;
}

export interface PaymentMore {
  readonly currency?: string;
  readonly amount?: number;
  readonly customer?: string;
}

export interface AuditRow {
  readonly actor: string;
  readonly action: string;
  readonly reason: string | null;
}

export async function operatorWorld(): Promise<OperatorWorld> {
  const world = await consoleWorld();
  const { deps, db, simUrl, secretKey } = world.payments;
  const { hostname: host, port } = new URL(simUrl);
  const stripe = new Stripe(secretKey, { host, port, protocol: 'http', telemetry: false });

  const payment: OperatorWorld['payment'] = async (metadata, more = {}) => {
    const { amount = 2000, currency = 'usd', customer } = more;
    const made = await stripe.paymentIntents.create({
      ...{ amount, currency, payment_method: 'pm_card_visa', confirm: true, off_session: true },
      metadata,
      ...(customer === undefined ? {} : { customer }),
    });
    await settlePayment(deps, made.id, 'webhook');
    return made.id;
  };
  return {
    ...world,
    operator: await world.person(OPERATORS[0]),
    colleague: await world.person(OPERATORS[1]),
    stripe,
    payment,
    misdirected: (more) =>
      payment({ purpose: 'credit_topup', purchase_id: 'pur_unknown', env: 'test' }, more),
    async ofWrongAmount(org, taxPercent = '0') {
      await world.payments.settings({ tax_rate_percent: taxPercent });
      const selling = { ...deps, automaticTax: taxPercent !== '0' };
      const purchase = await world.payments.begin(org, '20', selling);
      const paid = String(Object(await world.payments.pay(purchase)).payment_intent);
      await world.payments.settings({ tax_rate_percent: '0' });
      await db.ownerPool.query({
        text: 'UPDATE payments.purchases SET credit_nanos = 500000000000 WHERE id = $1',
        values: [purchase.id],
      });
      await settlePayment(deps, paid, 'webhook');
      return { purchase, payment: paid };
    },
    audit: (subject) =>
      db.ownerPool.query<AuditRow>({
        text: 'SELECT actor, action, reason FROM identity.audit_events WHERE subject = $1 ORDER BY id',
        values: [subject],
      }),
  };
}
