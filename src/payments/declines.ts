import { formatUsd, type NanoUsd } from '#kernel/money';
import { DECLINES, UNKNOWN_DECLINE_CODE, WITHHELD, wordsOf } from '#payments/decline-table';
import type { Actor, DeclineClass, DeclineWords, SameCard } from '#payments/decline-words';

/**
 * What the processor said about a failed attempt. Kept for operators, never shown as it is. Optional
 * fields are missing in rows of the release before.
 */
export interface Decline {
  readonly code: string | null;
  readonly declineCode: string | null;
  /** `try_again_later | do_not_try_again | confirm_card_data` */
  readonly adviceCode: string | null;
  readonly networkDeclineCode: string | null;
  /** Mastercard's merchant advice: `01` new details, `02` later, `03` never, `21` stop, `24`… wait. */
  readonly networkAdviceCode?: string | null;
  /** `authorized | issuer_declined | blocked | invalid | manual_review` */
  readonly outcomeType: string | null;
  readonly outcomeReason: string | null;
  /** `approved_by_network | declined_by_network | not_sent_to_network | reversed_after_approval` */
  readonly networkStatus: string | null;
  readonly chargeId: string | null;
  /** `authenticated | attempt_acknowledged | exempted | failed | not_supported | …` */
  readonly threeDSecure?: string | null;
  /** `pass | fail | unavailable | unchecked`, of what was compared with the bank's records. */
  readonly checks?: CardChecks | null;
  readonly card?: CardFacts | null;
}

export interface CardChecks {
  readonly line1: string | null;
  readonly postalCode: string | null;
  readonly cvc: string | null;
}

/** What may be known of a card. Never its number. */
export interface CardFacts {
  /** The same for the same number, whatever it was entered for. */
  readonly fingerprint: string | null;
  readonly brand: string;
  readonly last4: string;
  /** Two letters, of the bank that issued it. */
  readonly country: string | null;
  /** `credit | debit | prepaid | unknown` */
  readonly funding: string;
}

/** What the customer reads. `code` is one that accuses nobody. Rows of before lack the last three. */
export interface PurchaseFailure {
  readonly code: string;
  readonly class: DeclineClass;
  readonly charged: false;
  readonly title: string;
  readonly message: string;
  readonly next_step: string;
  readonly reference: string;
  readonly who_acts?: Actor;
  readonly same_card?: SameCard;
  readonly card?: { readonly brand: string; readonly last4: string } | null;
}

export const plainDecline = (code: string): Decline => ({
  code,
  declineCode: null,
  adviceCode: null,
  networkDeclineCode: null,
  outcomeType: null,
  outcomeReason: null,
  networkStatus: null,
  chargeId: null,
});

/** Where the customer's bank never saw the attempt, "ask your bank" would send them in a circle. */
const stoppedByUs = (decline: Decline): boolean =>
  decline.outcomeType === 'blocked' || decline.networkStatus === 'not_sent_to_network';

/** Says only that there was a refusal, so a second code beside it says more. */
const NOTHING_SAID: ReadonlySet<string> = new Set(['card_declined', 'generic_decline']);

function codesOf(decline: Decline): readonly string[] {
  const { code, declineCode } = decline;
  const both = [code, declineCode].filter((one) => one !== null);
  return [
    ...both.filter((one) => !NOTHING_SAID.has(one)),
    ...both.filter((one) => NOTHING_SAID.has(one)),
  ];
}

/** Causes that lie neither with the bank nor with the card's account. */
const OWN_CLASSES: ReadonlySet<DeclineClass> = new Set(['US', 'REGION', 'FIX', 'PAGE']);

/** The bank said yes and our checks no, so its app shows a hold: told before all else (S21). */
const REVERSED = 'reversed_after_approval';

function causeOf(decline: Decline): string {
  const known = codesOf(decline).filter((code) => DECLINES.has(code));
  const fits = (code: string) => OWN_CLASSES.has(wordsOf(code).class);
  if (decline.networkStatus === REVERSED) {
    // A detail that can be corrected says more than that the payment was taken back.
    return known.find((code) => wordsOf(code).class === 'FIX') ?? REVERSED;
  }
  if (stoppedByUs(decline)) {
    const reason = decline.outcomeReason;
    const named = [...(reason !== null && DECLINES.has(reason) ? [reason] : []), ...known];
    const own = named.find((code) => fits(code) || code === 'card_decline_rate_limit_exceeded');
    return own ?? (decline.outcomeType === 'blocked' ? 'blocked' : 'not_sent_to_network');
  }
  return known[0] ?? UNKNOWN_DECLINE_CODE;
}

type Advice = 'try_again_later' | 'do_not_try_again' | 'confirm_card_data';

const NETWORK_ADVICE: Readonly<Record<string, Advice>> = {
  '01': 'confirm_card_data',
  '02': 'try_again_later',
  '03': 'do_not_try_again',
  '21': 'do_not_try_again',
};

/** The processor's word, else the network's. */
function adviceOf(decline: Decline): string | null {
  const network = decline.networkAdviceCode ?? null;
  return decline.adviceCode ?? (network === null ? null : (NETWORK_ADVICE[network] ?? null));
}

/** The advice outranks our table on whether to try again, never on whose doing it was. */
function advised(words: DeclineWords, advice: string | null): DeclineWords {
  const bankSaid = words.class === 'BANK' || words.class === 'WAIT' || words.class === 'FUND';
  // Another card would pay twice for what may be paid already.
  if (!bankSaid || words === wordsOf('duplicate_transaction')) return words;
  if (advice === 'do_not_try_again') {
    const nextStep =
      words.class === 'WAIT'
        ? 'Pay with another card: this one will not be accepted.'
        : `${words.nextStep} Until something changed, this card will not be accepted; another one can be used at once.`;
    return { ...words, class: 'OTHER', who: 'you', sameCard: 'never', nextStep };
  }
  if (advice === 'confirm_card_data' && words.class === 'BANK') {
    const nextStep = 'Check number, expiry date and security code of the card, and pay again.';
    return { ...words, class: 'FIX', who: 'you', sameCard: 'after_a_change', nextStep };
  }
  return words;
}

const HOLD_WILL_GO =
  ' Your bank approved it first and our checks reversed it: a pending amount you may see disappears by itself.';
const VERIFIED_BEFORE = ' Your verification had gone through; the payment was stopped after it.';

/** What happened beside the cause, so that what the bank's app shows is not a riddle. */
function besides(decline: Decline, code: string): string {
  if (decline.networkStatus === REVERSED) return code === REVERSED ? '' : HOLD_WILL_GO;
  return stoppedByUs(decline) && decline.threeDSecure === 'authenticated' ? VERIFIED_BEFORE : '';
}

/**
 * Turns a failed attempt into words. `total` is what the card must cover, credits and tax;
 * `reference` is the purchase id, which support can look up.
 */
export function explainDecline(
  decline: Decline,
  total: NanoUsd,
  reference: string,
): PurchaseFailure {
  const code = causeOf(decline);
  const words = advised(wordsOf(code), adviceOf(decline));
  const fill = (text: string) => text.replaceAll('{total}', `$${inCents(total)}`);
  const card = decline.card ?? null;
  return {
    code: spokenCode(code),
    class: words.class,
    charged: false,
    title: words.title,
    message: `${fill(words.message)}${besides(decline, code)} You were not charged.`,
    next_step: fill(words.nextStep),
    reference,
    who_acts: words.who,
    same_card: words.sameCard,
    card: card === null ? null : { brand: card.brand, last4: card.last4 },
  };
}

/** What is told in the same words is told by the same code: the wire gives away no more. */
function spokenCode(code: string): string {
  const words = wordsOf(code);
  return ['card_declined', 'blocked'].find((said) => words === wordsOf(said)) ?? code;
}

/** Hours that a card is left alone after such a refusal (S39); the numbers are the networks'. */
const REST_HOURS: Readonly<Record<SameCard, number>> = {
  after_a_change: 0,
  with_you_present: 0,
  in_a_minute: 0,
  after_asking_the_bank: 0,
  in_a_day: 24,
  in_three_days: 72,
  never: 72,
};

/** 0 where the same card may be sent again as soon as the customer likes. */
export function restHours(decline: Decline): number {
  const code = causeOf(decline);
  if (WITHHELD.has(code)) return REST_HOURS.never;
  return REST_HOURS[advised(wordsOf(code), adviceOf(decline)).sameCard];
}

/** A total is whole cents, so this shows all of it: "5" as "5.00". */
function inCents(amount: NanoUsd): string {
  const text = formatUsd(amount);
  const point = text.indexOf('.');
  if (point === -1) return `${text}.00`;
  return text.padEnd(point + 3, '0');
}
