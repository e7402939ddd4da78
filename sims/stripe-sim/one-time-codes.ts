import { createHash } from 'node:crypto';
import type Stripe from 'stripe';
import { idOf, newId } from './ids.ts';
import type { AskedOfIssuer } from './issuer-side.ts';
import type { Sim } from './sim.ts';

/**
 * What an issuer sends its cardholder to prove that they are there. Only the newest code of an intent
 * is asked for, so that one that was used, replaced or left behind opens nothing.
 */
export interface OneTimeCode {
  id: string;
  /** The payment or setup intent that waits for it. */
  intent: string;
  /** The payment method it was sent about; another card on the same intent has its own question. */
  method: string;
  /** The id of the issued card. */
  card: string;
  last4: string;
  /** Minor units; 0 where the card is only to be kept. */
  amount: number;
  currency: string;
  merchant: string;
  /** Unix seconds of the business clock. */
  at: number;
  /** Wrong answers so far; a code sent once more does not begin again. */
  wrong: number;
}

/** Metadata of a cardholder who wants to be asked: `one_time_code=on`. */
export const ASKS_FOR_CODE = 'one_time_code';

const GOOD_FOR_SECONDS = 300;
const TRIES = 3;

/** To the holder of an issued card, about this intent. */
export function sendCode(
  sim: Sim,
  intent: string,
  { card, method, amount, currency, descriptor }: AskedOfIssuer,
): void {
  const last4 = sim.store.issuing_cards.get(card)?.last4 ?? '';
  const about = { intent, method: method.id, card, last4, amount, currency };
  put(sim, { ...about, merchant: descriptor, wrong: 0 });
}

export function sendAgain(sim: Sim, { id: _, at: __, ...about }: OneTimeCode): void {
  put(sim, about);
}

function put(sim: Sim, about: Omit<OneTimeCode, 'id' | 'at'>): void {
  sim.store.one_time_codes.put({ ...about, id: newId(sim, 'otp'), at: sim.now() });
}

/** Six digits, worked out from an id: with `id_seed` the same from run to run. */
function codeOf({ id }: OneTimeCode): string {
  const digest = createHash('sha256').update(`stripe-sim one-time code ${id}`).digest();
  return String(digest.readUInt32BE(0) % 1_000_000).padStart(6, '0');
}

/** The code this intent waits for; undefined if its bank asks in another way. */
export function codeFor(
  sim: Sim,
  intent: Stripe.PaymentIntent | Stripe.SetupIntent,
): OneTimeCode | undefined {
  const method = idOf(intent.payment_method);
  return sim.store.one_time_codes
    .newestFirst()
    .find((row) => row.intent === intent.id && row.method === method);
}

export function hasEnded(sim: Sim, { at }: OneTimeCode): boolean {
  return sim.now() >= at + GOOD_FOR_SECONDS;
}

export function triesLeft({ wrong }: OneTimeCode): number {
  return TRIES - wrong;
}

/** `none` and `ended` cost no try. */
export function tryCode(
  sim: Sim,
  sent: OneTimeCode,
  typed: string,
): 'right' | 'wrong' | 'too_often' | 'ended' | 'none' {
  if (hasEnded(sim, sent)) return 'ended';
  if (typed === '') return 'none';
  if (typed === codeOf(sent)) return 'right';
  const after = sim.store.one_time_codes.put({ ...sent, wrong: sent.wrong + 1 });
  return triesLeft(after) > 0 ? 'wrong' : 'too_often';
}

/** What the cardholders were sent, newest first. */
export function inbox(sim: Sim): object[] {
  return sim.store.one_time_codes.newestFirst().map((row) => {
    const { card, last4, amount, currency, merchant, at } = row;
    return { card, last4, amount, currency, merchant, code: codeOf(row), at };
  });
}
