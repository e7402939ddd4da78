import type { Purchase } from '#console-api/contract';
import type { Tone } from '../../ui/notice.tsx';

type State = Purchase['state'];

interface Words {
  readonly label: string;
  readonly tone: Tone;
  /** What this state means for the buyer's money, now. */
  readonly sentence: string;
}

/** Said once wherever money could be feared lost; the server's own sentence may already say it. */
export const NOT_CHARGED = 'You were not charged.';

/** Every state in a buyer's words. "Failed" is said only where a refusal is certain. */
export const PURCHASE_WORDS: Readonly<Record<State, Words>> = {
  draft: {
    label: 'Preparing',
    tone: 'quiet',
    sentence: `The payment page has not been opened yet. ${NOT_CHARGED}`,
  },
  opening: {
    label: 'Opening the payment page',
    tone: 'quiet',
    sentence: 'The payment processor has not answered yet. Nothing is charged at this step.',
  },
  awaiting_customer: {
    label: 'Waiting for payment',
    tone: 'quiet',
    sentence: 'The payment page is open. Nothing is charged until you pay there.',
  },
  processing: {
    label: 'Confirming with the bank',
    tone: 'quiet',
    sentence: 'The bank has not answered finally. You will not be charged twice.',
  },
  declined: { label: 'Declined', tone: 'bad', sentence: NOT_CHARGED },
  credited: { label: 'Credited', tone: 'good', sentence: 'The credits can be used now.' },
  failed: { label: 'Failed', tone: 'bad', sentence: NOT_CHARGED },
  canceled: { label: 'Canceled', tone: 'quiet', sentence: NOT_CHARGED },
  expired: {
    label: 'Expired',
    tone: 'quiet',
    sentence: `The payment page was open too long. ${NOT_CHARGED}`,
  },
  abandoned: {
    label: 'Not started',
    tone: 'quiet',
    sentence: `The payment page never opened. ${NOT_CHARGED}`,
  },
  quarantined: {
    label: 'Under review',
    tone: 'warning',
    sentence: 'The payment arrived but does not match this purchase. A person is looking at it.',
  },
};

type Overlay = NonNullable<Purchase['overlay']>;

/** What has become of a credited purchase since. Its own sentence would be wrong by now. */
const OVERLAY_WORDS: Readonly<Record<Overlay, Words>> = {
  disputed: {
    label: 'Disputed',
    tone: 'warning',
    sentence:
      'This payment is disputed with the bank. Its unspent credits are frozen until that is decided.',
  },
  dispute_lost: {
    label: 'Taken back',
    tone: 'bad',
    sentence:
      'The bank took this payment back. Its unspent credits are gone; what was spent of it is owed.',
  },
  refunded: {
    label: 'Refunded',
    tone: 'quiet',
    sentence: 'This payment went back to the card. Its credits are not yours any more.',
  },
  part_refunded: {
    label: 'Partly refunded',
    tone: 'quiet',
    sentence: 'Part of this payment went back to the card. The rest of its credits stays.',
  },
  dispute_won: {
    label: 'Credited',
    tone: 'good',
    sentence: 'A dispute of this payment is over. The credits it had frozen can be used again.',
  },
};

/** The words of a purchase as it stands now, whatever it was when it was credited. */
export function purchaseWords(purchase: Pick<Purchase, 'state' | 'overlay'>): Words {
  const overlay = purchase.state === 'credited' ? (purchase.overlay ?? null) : null;
  return overlay === null ? PURCHASE_WORDS[purchase.state] : OVERLAY_WORDS[overlay];
}

/** Credited, and not refunded, disputed or taken back since. */
export const isStillCredited = (purchase: Pick<Purchase, 'state' | 'overlay'>): boolean =>
  purchase.state === 'credited' && (purchase.overlay == null || purchase.overlay === 'dispute_won');

/** A step of a purchase that has no page and nobody in front of it. */
const RELOAD_STEPS: Partial<Readonly<Record<State, string>>> = {
  draft: 'Decided',
  opening: 'Charging the card',
};

const AFTERWARDS = 'Afterwards';

/** What a step is called; what a credited purchase met since is no second credit. */
export function stepLabel(step: State, before: State | undefined, trigger: string): string {
  if (step === 'credited' && step === before) return AFTERWARDS;
  const reload = trigger === 'auto_reload' ? RELOAD_STEPS[step] : undefined;
  return reload ?? PURCHASE_WORDS[step].label;
}

const SETTLED: ReadonlySet<State> = new Set([
  'credited',
  'failed',
  'canceled',
  'expired',
  'abandoned',
  'quarantined',
]);

/** Whether asking again soon can change the answer. A declined page may still be paid on. */
export const isSettled = (state: State) => SETTLED.has(state);

export const canBePaid = (purchase: Purchase) =>
  purchase.redirect_url !== null &&
  (purchase.state === 'awaiting_customer' || purchase.state === 'declined');

export const canBeCanceled = (purchase: Purchase) =>
  purchase.state === 'awaiting_customer' || purchase.state === 'declined';

/** Its page is closed and no money came: the same amount can be bought anew. */
export const canBeBoughtAgain = (purchase: Purchase) =>
  purchase.state === 'failed' ||
  purchase.state === 'canceled' ||
  purchase.state === 'expired' ||
  purchase.state === 'abandoned';
