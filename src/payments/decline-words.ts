/**
 * What kind of obstacle a payment met: FIX a detail, FUND the card, AUTH with the bank, ask the
 * BANK, use an OTHER card, WAIT, it was US, the REGION, or the wrong PAGE. On the wire: never renamed.
 */
export const DECLINE_CLASSES = [
  'FIX',
  'FUND',
  'AUTH',
  'BANK',
  'OTHER',
  'WAIT',
  'US',
  'REGION',
  'PAGE',
] as const;
export type DeclineClass = (typeof DECLINE_CLASSES)[number];

/** Whose move it is now. On the wire: never renamed. */
export const ACTORS = ['you', 'your_bank', 'us', 'nobody'] as const;
export type Actor = (typeof ACTORS)[number];

/** When the same card may be sent again without the customer changing its details. */
export const SAME_CARD = [
  'after_a_change',
  'with_you_present',
  'in_a_minute',
  'after_asking_the_bank',
  'in_a_day',
  'in_three_days',
  'never',
] as const;
export type SameCard = (typeof SAME_CARD)[number];

/** `{total}` stands for what the card must cover: credits and tax, e.g. "$5.43". */
export interface DeclineWords {
  readonly class: DeclineClass;
  readonly who: Actor;
  readonly sameCard: SameCard;
  readonly title: string;
  readonly message: string;
  readonly nextStep: string;
}

/** One cause: the codes that mean it, and what a customer is told. Several codes are other names. */
export interface DeclineRow extends DeclineWords {
  /** `decline_code`s and `code`s of the processor, reasons of its risk checks, codes of ours. */
  readonly codes: readonly string[];
}
