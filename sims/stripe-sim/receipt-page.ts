import type Stripe from 'stripe';
import { notice, type PageAnswer } from './page-answer.ts';
import { day, document_, escaped, facts, money } from './page-html.ts';
import type { Sim } from './sim.ts';

/** What the customer is mailed in live mode: amount, card, what the statement will say. */
export function receiptPage(sim: Sim, id: string): PageAnswer {
  const charge = sim.store.charges.get(id);
  if (charge === undefined || !charge.paid) return notice(404, 'No receipt', 'No such receipt.');
  const title = `Receipt from ${sim.merchantName}`;
  return {
    status: 200,
    body: document_(
      title,
      `<section><h1>${escaped(title)}</h1>${facts(rowsOf(sim, charge))}</section>`,
    ),
    formTargets: [],
  };
}

function rowsOf(sim: Sim, charge: Stripe.Charge): Array<[string, string]> {
  const card = charge.payment_method_details?.card;
  const refunds = sim.store.refunds
    .oldestFirst()
    .filter(
      (row) => row.charge === charge.id && !['failed', 'canceled'].includes(row.status ?? ''),
    );
  return [
    ['Amount paid', money(charge.amount, charge.currency)],
    ['Date paid', day(charge.created)],
    ['Payment method', `${card?.brand ?? 'card'} – ${card?.last4 ?? ''}`],
    ['On your statement', charge.calculated_statement_descriptor ?? ''],
    ['Payment', String(charge.payment_intent ?? charge.id)],
    ...(charge.description === null
      ? []
      : [['Description', charge.description] satisfies [string, string]]),
    ...refunds.map((row): [string, string] => [
      `Refunded on ${day(row.created)}`,
      money(-row.amount, row.currency),
    ]),
  ];
}
