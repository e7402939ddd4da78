import { displayUsd, type NanoUsd, nanos } from '#kernel/money';
import { inSentence } from '#payments/billing-countries';
import { DECLINES } from '#payments/decline-table';
import type { DeclineClass } from '#payments/decline-words';
import type { CardFacts, Decline } from '#payments/declines';

/** Of one thing to check: it is in order, nobody can tell from here, or it stands in the way. */
export type Bearing = 'fine' | 'worth_a_look' | 'in_the_way';

export interface ThingToCheck {
  readonly kind: 'total' | 'address' | 'verification' | 'card';
  readonly bearing: Bearing;
  readonly title: string;
  /** From the customer's own facts, as far as we have them. */
  readonly text: string;
}

/** What is known of one purchase, or of one that is being thought about. */
export interface PaymentFacts {
  readonly credit: NanoUsd;
  /** Null where it cannot be told yet. */
  readonly tax: NanoUsd | null;
  /** Two letters; null where no address is known. */
  readonly addressCountry: string | null;
  /** The card that was refused, else the one that is saved; null if there is none. */
  readonly card: CardFacts | null;
  readonly decline: Decline | null;
  /** Of what the last refusal was. */
  readonly failure: { readonly class: DeclineClass; readonly code: string } | null;
}

/** The four causes that explain most refusals, in the order in which they are cheapest to check. */
export function fourThings(facts: PaymentFacts): readonly ThingToCheck[] {
  return [theTotal(facts), theAddress(facts), theVerification(facts), theCard(facts)];
}

const usd = (amount: NanoUsd): string => `$${displayUsd(amount)}`;

function theTotal({ credit, tax, failure }: PaymentFacts): ThingToCheck {
  const title = 'The card covers the total';
  const fees = 'Some issuers add a fee of their own for foreign or prepaid payments.';
  const bearing: Bearing = failure?.class === 'FUND' ? 'in_the_way' : 'worth_a_look';
  if (tax === null) {
    const text = `${usd(credit)} of credits, and the tax that applies to your billing address. ${fees}`;
    return { kind: 'total', bearing, title, text };
  }
  const total = usd(nanos(credit + tax));
  const sum =
    tax > 0n
      ? `${usd(credit)} of credits and ${usd(tax)} of tax make ${total}: so much must be free on the card.`
      : `${total} must be free on the card. No tax is added.`;
  return { kind: 'total', bearing, title, text: `${sum} ${fees}` };
}

function theAddress({ addressCountry, card, decline, failure }: PaymentFacts): ThingToCheck {
  const title = 'The billing address is the one your bank has';
  const checks = decline?.checks ?? null;
  if (checks?.postalCode === 'fail' || checks?.line1 === 'fail' || isAbout(failure, ADDRESS)) {
    const part =
      checks?.line1 === 'fail' && checks.postalCode !== 'fail' ? 'street' : 'postal code';
    const text = `Your bank says that the ${part} does not match. Enter the address exactly as on the statement of this card.`;
    return { kind: 'address', bearing: 'in_the_way', title, text };
  }
  const cardCountry = card?.country ?? null;
  if (addressCountry !== null && cardCountry !== null && addressCountry !== cardCountry) {
    const text = `Your billing address is in ${inSentence(addressCountry)} and the card was issued in ${inSentence(cardCountry)}. Banks often refuse that; a card of the same country is safer.`;
    return { kind: 'address', bearing: 'worth_a_look', title, text };
  }
  if (addressCountry !== null && cardCountry !== null) {
    const text = `Address and card are both of ${inSentence(cardCountry)}. Small differences in spelling still matter to some banks.`;
    return { kind: 'address', bearing: 'fine', title, text };
  }
  const text =
    addressCountry === null
      ? 'Enter it on the payment page exactly as on the statement of the card, postal code included.'
      : `Your billing address is in ${inSentence(addressCountry)}. Use a card of that country if you can.`;
  return { kind: 'address', bearing: 'worth_a_look', title, text };
}

function theVerification({ decline, failure }: PaymentFacts): ThingToCheck {
  const title = 'You can confirm the payment with your bank';
  if (failure?.class === 'AUTH') {
    const text =
      'Your bank asked for a confirmation and did not get it. Have its app open or your phone at hand before you pay again: the question stays open for a few minutes only.';
    return { kind: 'verification', bearing: 'in_the_way', title, text };
  }
  if (decline?.threeDSecure === 'authenticated') {
    const text = 'Your bank had confirmed that it was you. This was not the reason.';
    return { kind: 'verification', bearing: 'fine', title, text };
  }
  const text =
    'Your bank may send a code or open its app. Allow it to, and finish within a few minutes; a window that was closed counts as a no.';
  return { kind: 'verification', bearing: 'worth_a_look', title, text };
}

function theCard({ card, failure }: PaymentFacts): ThingToCheck {
  const title = 'The card may pay online and abroad, and is not frozen';
  const stopped = failure?.class === 'BANK' || failure?.class === 'OTHER';
  const bearing: Bearing = stopped ? 'in_the_way' : 'worth_a_look';
  const named =
    card === null || card.last4 === '' ? 'The card' : `The card ending in ${card.last4}`;
  if (failure?.class === 'US') {
    const text = `${named} was not refused by your bank, so there is nothing to unfreeze. Another card is the quickest way.`;
    return { kind: 'card', bearing: 'fine', title, text };
  }
  if (failure?.class === 'OTHER') {
    const text = `${named} will not be accepted as it is, whatever is switched on for it. Use another card; it can be used at once.`;
    return { kind: 'card', bearing, title, text };
  }
  if (card?.funding === 'prepaid') {
    const text = `${named} is a prepaid card. Many are frozen after they are topped up, blocked for services abroad, or charge a fee that the balance must cover too. Check that in its app.`;
    return { kind: 'card', bearing, title, text };
  }
  const text = `${named} must be unfrozen and open for online and foreign payments; both are switches in most banking apps. Virtual and prepaid cards are often closed for one of the two.`;
  return { kind: 'card', bearing, title, text };
}

const ADDRESS: ReadonlySet<string> = new Set([
  'incorrect_zip',
  'incorrect_address',
  'payment_method_billing_details_address_missing',
  'customer_tax_location_invalid',
  'taxes_calculation_failed',
]);

const isAbout = (failure: PaymentFacts['failure'], codes: ReadonlySet<string>): boolean =>
  failure !== null && DECLINES.has(failure.code) && codes.has(failure.code);
