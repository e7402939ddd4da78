import { cardByNumber, passesLuhn, type TestCard } from './cards.ts';
import { cardOfNumber } from './issued-numbers.ts';
import { asTestCard } from './issuer-side.ts';
import type { CardHolder } from './payment-methods.ts';
import type { Sim } from './sim.ts';

/** What a person types. Never stored, never logged. */
export interface CardEntry {
  number: string;
  expMonth: string;
  expYear: string;
  cvc: string;
  /** They said that they are a person. */
  human: boolean;
}

export interface EntryRefusal {
  code: string;
  declineCode: string | null;
  message: string;
  /** Null if it is about none of them. */
  field: 'number' | 'expiry' | 'cvc' | 'address' | 'tax_id' | 'human' | null;
}

export type EntryResult =
  | { kind: 'card'; card: TestCard; expMonth: number; expYear: number }
  | { kind: 'refused'; refusal: EntryRefusal };

/** Checks before any attempt is made; a refusal leaves no trace of the card. */
export function readEntry(sim: Sim, entry: CardEntry, holder: CardHolder): EntryResult {
  const digits = entry.number.replaceAll(/[\s-]/g, '');
  if (!/^\d+$/.test(digits)) {
    return refuse('invalid_number', 'The card number is not a valid card number.', 'number');
  }
  if (!passesLuhn(digits)) {
    return refuse('incorrect_number', 'Your card number is incorrect.', 'number');
  }
  const today = new Date(sim.now() * 1000);
  const month = /^\d{1,2}$/.test(entry.expMonth) ? Number(entry.expMonth) : 0;
  if (month < 1 || month > 12) return badMonth();
  const year = fullYear(entry.expYear);
  if (year < today.getUTCFullYear() || year > today.getUTCFullYear() + 50) {
    return refuse('invalid_expiry_year', "Your card's expiration year is invalid.", 'expiry');
  }
  if (year === today.getUTCFullYear() && month < today.getUTCMonth() + 1) return badMonth();
  const card = cardByNumber(digits) ?? issuedOf(sim, digits, entry.cvc, holder);
  if (!new RegExp(/^3[47]/.test(digits) ? '^\\d{3,4}$' : '^\\d{3}$').test(entry.cvc)) {
    return refuse('invalid_cvc', "Your card's security code is invalid.", 'cvc');
  }
  if (card === undefined) return notATestCard();
  if (card.captcha && !entry.human) {
    const message = 'Confirm that you are a person, and enter the card once more.';
    return refuse('captcha_required', message, 'human');
  }
  return { kind: 'card', card, expMonth: month, expYear: year };
}

/** A card issued here, with the checks that what was typed fails. */
function issuedOf(sim: Sim, digits: string, cvc: string, holder: CardHolder) {
  const issued = cardOfNumber(sim, digits);
  const { postalCode, line1 = null } = holder;
  return issued && asTestCard(sim, issued.id, { cvc, postalCode, line1 });
}

/** Nobody should be able to leave a real card here. */
function notATestCard(): EntryResult {
  return {
    kind: 'refused',
    refusal: {
      code: 'card_declined',
      declineCode: 'test_mode_live_card',
      message:
        'Your card was declined. Your request was in test mode, but used a non test card. ' +
        'For a list of valid test cards, visit: https://stripe.com/docs/testing.',
      field: 'number',
    },
  };
}

function badMonth(): EntryResult {
  return refuse('invalid_expiry_month', "Your card's expiration month is invalid.", 'expiry');
}

function refuse(code: string, message: string, field: EntryRefusal['field']): EntryResult {
  return { kind: 'refused', refusal: { code, declineCode: null, message, field } };
}

function fullYear(text: string): number {
  if (/^\d{4}$/.test(text)) return Number(text);
  return /^\d{2}$/.test(text) ? 2000 + Number(text) : 0;
}
