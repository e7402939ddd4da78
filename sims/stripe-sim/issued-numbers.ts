import { createHash } from 'node:crypto';
import type Stripe from 'stripe';
import { withLuhnDigit } from './cards.ts';
import type { Sim } from './sim.ts';

/**
 * Numbers of issued cards begin with `4000991` and count on from there: next to the simulator's own
 * test numbers (`4000990`), where nobody's real card is. They are worked out, never kept.
 */
export interface IssuedNumber {
  /** The id of the card. */
  id: string;
  sequence: number;
}

const START = '4000991';

export function numberCard(sim: Sim, card: string): IssuedNumber {
  const sequence = sim.store.issued_numbers.oldestFirst().length + 1;
  return sim.store.issued_numbers.put({ id: card, sequence });
}

export function numberOf({ sequence }: IssuedNumber): string {
  return withLuhnDigit(`${START}${String(sequence).padStart(8, '0')}`);
}

/** Three digits, always the same for the same card. */
export function codeOf({ id }: IssuedNumber): string {
  const digest = createHash('sha256').update(`stripe-sim code ${id}`).digest();
  return String(digest.readUInt32BE(0) % 1000).padStart(3, '0');
}

/** The issued card with this number, if there is one. */
export function cardOfNumber(sim: Sim, digits: string): Stripe.Issuing.Card | undefined {
  if (!digits.startsWith(START)) return undefined;
  const row = sim.store.issued_numbers.oldestFirst().find((each) => numberOf(each) === digits);
  return row === undefined ? undefined : sim.store.issuing_cards.get(row.id);
}
