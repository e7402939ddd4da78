import { createHmac } from 'node:crypto';
import type { Db } from '#db/pool';
import type { GrantId, OrganizationId } from '#kernel/ids';
import { formatUsd, type NanoUsd } from '#kernel/money';
import type { CardRow } from '#payments/cards-sql';
import { type Selling, sellsTo } from '#payments/selling';

/** What the operator gives, and how it is remembered who had it (money rule 3). */
export interface StarterTerms {
  readonly amount: NanoUsd;
  /** How long it is good for, from the moment it is given. */
  readonly days: number;
  /** Whether a prepaid card is as good as another; such cards are bought by the dozen. */
  readonly prepaidCounts: boolean;
  /** Under it mailboxes and cards are digested. With another one nobody is remembered. */
  readonly secret: Buffer;
  /** Notes it for the record, in the transaction of the grant. */
  audit(tx: Db, given: StarterGiven): Promise<void>;
  /** Tells the organization, in the same transaction; `key` names the transition. */
  readonly tell?: (
    tx: Db,
    notice: {
      readonly organizationId: string;
      readonly kind: string;
      readonly key: string;
      readonly facts: Readonly<Record<string, unknown>>;
    },
  ) => Promise<void>;
}

export interface StarterGiven {
  readonly organizationId: OrganizationId;
  readonly userId: string;
  readonly grantId: GrantId;
}

/** These ignore dots, and are one host under two names. */
const DOTLESS: ReadonlySet<string> = new Set(['gmail.com', 'googlemail.com']);

/**
 * One text for all spellings of a mailbox that one person can make at will: case and width of
 * letters, what follows a plus sign, and at Gmail also dots and the host's other name. Only for
 * telling people apart who ask for a gift; mail goes to the address as it was given.
 */
export function mailboxOf(email: string): string {
  const text = email.normalize('NFKC').trim().toLowerCase();
  const at = text.lastIndexOf('@');
  if (at <= 0) return text;
  const host = text.slice(at + 1).replace(/\.$/, '');
  const name = text.slice(0, at);
  const plus = name.indexOf('+');
  // What begins with a plus sign is all name.
  const untagged = plus > 0 ? name.slice(0, plus) : name;
  if (!DOTLESS.has(host)) return `${untagged}@${host}`;
  return `${untagged.replaceAll('.', '')}@gmail.com`;
}

/** Trying the product out at the processor's test cards uses nothing up: the environment counts. */
export const starterDigest = (
  { secret }: Pick<StarterTerms, 'secret'>,
  environment: string,
  kind: 'email' | 'card',
  text: string,
): Buffer =>
  createHmac('sha256', secret).update(`starter credit\n${environment}\n${kind}\n${text}`).digest();

/** Why an organization has no starter credit. */
export type StarterRefusal =
  | 'email_used'
  | 'card_used'
  | 'card_prepaid'
  | 'card_expired'
  | 'card_country'
  | 'card_unknown'
  | 'suspended'
  | 'no_room';

/** What is wrong with a card whoever asks; undefined if nothing is. */
export function cardRefusal(
  card: Pick<CardRow, 'fingerprint' | 'funding' | 'expiry' | 'country'>,
  terms: Pick<StarterTerms, 'prepaidCounts'>,
  selling: Selling,
): StarterRefusal | undefined {
  if (card.fingerprint === null) return 'card_unknown';
  if (card.expiry === 'expired') return 'card_expired';
  if (card.funding === 'prepaid' && !terms.prepaidCounts) return 'card_prepaid';
  if (card.country !== null && !sellsTo(selling, card.country)) return 'card_country';
  return undefined;
}

interface Words {
  readonly title: string;
  readonly text: string;
  readonly nextStep: string;
}

const OTHER_CARD = 'Save another card, or buy credits as usual.';
const BUY = 'You can buy credits at any time.';

export const STARTER_REFUSALS: Readonly<Record<StarterRefusal, Words>> = {
  email_used: {
    title: 'Starter credit was already given to this e-mail address',
    text: 'A person gets it once, in one organization. Spellings of one mailbox are one person.',
    nextStep: BUY,
  },
  card_used: {
    title: 'Starter credit was already given for this card',
    text: 'A card gets it once, whichever organization it is saved in.',
    nextStep: OTHER_CARD,
  },
  card_prepaid: {
    title: 'A prepaid card does not count for starter credit',
    text: 'It needs a credit or debit card. The prepaid card works for buying credits.',
    nextStep: OTHER_CARD,
  },
  card_expired: {
    title: 'An expired card does not count for starter credit',
    text: 'The saved card has ended.',
    nextStep: OTHER_CARD,
  },
  card_country: {
    title: 'A card of this country does not count for starter credit',
    text: 'It was issued in a country that credits are not sold to.',
    nextStep: OTHER_CARD,
  },
  card_unknown: {
    title: 'The saved card cannot be recognized',
    text: 'Starter credit is given once for each card, and the card processor names none here.',
    nextStep: OTHER_CARD,
  },
  suspended: {
    title: 'This organization is suspended',
    text: 'No starter credit is given to it.',
    nextStep: 'Ask whoever runs this service.',
  },
  no_room: {
    title: 'This organization has as much credit as it can have',
    text: 'Starter credit is given once there is room for it.',
    nextStep: 'Try again later.',
  },
};

/** The offer before it is taken. */
export function offerWords(
  terms: Pick<StarterTerms, 'amount' | 'days' | 'prepaidCounts'>,
  hasCard: boolean,
): Words {
  const amount = `$${formatUsd(terms.amount)}`;
  const days = terms.days === 1 ? 'one day' : `${terms.days} days`;
  const prepaid = terms.prepaidCounts ? '' : ' Prepaid cards do not count.';
  const once = `It is given once to each person and for each card.${prepaid}`;
  return {
    title: `${amount} of starter credit`,
    text: hasCard
      ? `Your organization can have ${amount} of promotional credit, good for ${days}. ${once}`
      : `Save a card, and ${amount} of promotional credit is added, good for ${days}. ` +
        `Saving it charges nothing. ${once}`,
    nextStep: hasCard ? 'Add the starter credit' : 'Save a card',
  };
}
