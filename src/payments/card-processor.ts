import type { CardFacts, Decline } from '#payments/declines';
import type { Changed, Read } from '#payments/processor';

/** The card processor as far as saved cards are concerned. Answers as in `processor.ts`. */
export interface CardProcessor {
  /** A hosted page where a card is entered and saved, and nothing is charged. */
  createSetup(request: SetupRequest): Promise<Changed<{ setup: Setup }>>;
  retrieveSetup(sessionId: string): Promise<Read<{ setup: Setup }>>;
  /** All saved cards of a customer, and which of them is charged by default. */
  listCards(customerId: string): Promise<Read<{ cards: readonly SavedCard[] }>>;
  setDefault(customerId: string, cardId: string, key: string): Promise<Changed<object>>;
  /** For good: a removed card must be entered anew. One that is gone already is done. */
  remove(cardId: string, key: string): Promise<Changed<object>>;
}

export interface SetupRequest {
  readonly setupId: string;
  readonly organizationId: string;
  readonly environment: string;
  readonly customerId: string;
  readonly returnUrl: string;
  readonly cancelUrl: string;
  readonly key: string;
}

export interface Setup {
  readonly sessionId: string;
  readonly url: string | null;
  readonly status: 'open' | 'complete' | 'expired';
  /** The card that was saved; null until then. */
  readonly cardId: string | null;
  /** Why the last card was not saved. */
  readonly decline: Decline | null;
}

export interface SavedCard extends CardFacts {
  readonly id: string;
  readonly expMonth: number;
  readonly expYear: number;
  readonly isDefault: boolean;
}

/** The tag on setups of ours. Another than a purchase's, so that none is taken for a payment. */
export const SETUP_PURPOSE = 'card_setup';
