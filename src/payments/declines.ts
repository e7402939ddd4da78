import { formatUsd, type NanoUsd } from '#kernel/money';
import {
  DECLINES,
  type DeclineClass,
  type DeclineWords,
  UNKNOWN_DECLINE,
} from '#payments/decline-table';

/** What the processor said about a failed attempt. Kept for operators, never shown as it is. */
export interface Decline {
  readonly code: string | null;
  readonly declineCode: string | null;
  readonly adviceCode: string | null;
  readonly networkDeclineCode: string | null;
  /** `authorized | issuer_declined | blocked | invalid | manual_review` */
  readonly outcomeType: string | null;
  readonly outcomeReason: string | null;
  /** `approved_by_network | declined_by_network | not_sent_to_network | reversed_after_approval` */
  readonly networkStatus: string | null;
  readonly chargeId: string | null;
}

/** What the customer reads. `code` is one that accuses nobody. */
export interface PurchaseFailure {
  readonly code: string;
  readonly class: DeclineClass;
  readonly charged: false;
  readonly title: string;
  readonly message: string;
  readonly next_step: string;
  readonly reference: string;
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

/** Codes that would tell a thief, or an honest customer, what they should not read on a page. */
const UNSPOKEN: ReadonlySet<string> = new Set([
  'lost_card',
  'stolen_card',
  'pickup_card',
  'fraudulent',
  'merchant_blacklist',
  'highest_risk_level',
  'elevated_risk_level',
  'rule',
  'blocklist',
]);

/** Where the customer's bank never saw the attempt, "ask your bank" would send them in a circle. */
const stoppedByUs = (decline: Decline): boolean =>
  decline.outcomeType === 'blocked' || decline.networkStatus === 'not_sent_to_network';

function find(decline: Decline): { code: string; words: DeclineWords } {
  if (stoppedByUs(decline)) {
    const reason = decline.outcomeReason ?? 'blocked';
    const words = DECLINES.get(reason);
    if (words?.class === 'US' || words?.class === 'REGION') return { code: reason, words };
    return { code: 'blocked', words: DECLINES.get('blocked') ?? UNKNOWN_DECLINE };
  }
  for (const code of [decline.declineCode, decline.code]) {
    const words = code === null ? undefined : DECLINES.get(code);
    if (code !== null && words !== undefined) return { code, words };
  }
  // Codes appear without notice; the honest answer to a new one is what we do know.
  return { code: decline.declineCode ?? decline.code ?? 'generic_decline', words: UNKNOWN_DECLINE };
}

const HOLD_WILL_GO =
  ' Your bank approved it first and our checks reversed it: a pending amount you may see disappears by itself.';

/**
 * Turns a failed attempt into words. `total` is what the card must cover, credits and tax;
 * `reference` is the purchase id, which support can look up.
 */
export function explainDecline(
  decline: Decline,
  total: NanoUsd,
  reference: string,
): PurchaseFailure {
  const { code, words } = find(decline);
  const fill = (text: string) => text.replaceAll('{total}', `$${inCents(total)}`);
  // The processor's advice outranks ours, except on whose doing it was.
  const final =
    decline.adviceCode === 'do_not_try_again' && words.class !== 'OTHER' && words.class !== 'US';
  const reversed = decline.networkStatus === 'reversed_after_approval';
  return {
    code: UNSPOKEN.has(code) ? 'card_declined' : code,
    class: final ? 'OTHER' : words.class,
    charged: false,
    title: words.title,
    message: `${fill(words.message)}${reversed ? HOLD_WILL_GO : ''} You were not charged.`,
    next_step: final
      ? 'Pay with another card: this one will not be accepted.'
      : fill(words.nextStep),
    reference,
  };
}

/** A total is whole cents, so this shows all of it: "5" as "5.00". */
function inCents(amount: NanoUsd): string {
  const text = formatUsd(amount);
  const point = text.indexOf('.');
  if (point === -1) return `${text}.00`;
  return text.padEnd(point + 3, '0');
}
