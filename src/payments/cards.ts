import { enqueue } from '#db/jobs';
import type { SavedCard } from '#payments/card-processor';
import type { CardOwner, CardRow } from '#payments/cards-sql';
import * as sql from '#payments/cards-sql';
import type { PaymentsDeps } from '#payments/deps';
import { findCustomer } from '#payments/opening';
import type { Changed } from '#payments/processor';
import { DEFAULT_SELLING, type Selling, sellsTo } from '#payments/selling';

export type { CardRow } from '#payments/cards-sql';

/** Indian banks let no card be charged without its holder unless a mandate of their own stands. */
const NEVER_WITHOUT_HOLDER: ReadonlySet<string> = new Set(['IN']);

/** Why auto-reload may not use a card; null if it may. Buying with it in person is another matter. */
export type Attended = 'expired' | 'holder_must_be_present' | 'country_not_sold_to';

export function whyAttended(
  card: Pick<CardRow, 'country' | 'expiry'>,
  selling: Selling = DEFAULT_SELLING,
): Attended | null {
  if (card.expiry === 'expired') return 'expired';
  if (card.country === null) return null;
  if (NEVER_WITHOUT_HOLDER.has(card.country)) return 'holder_must_be_present';
  return sellsTo(selling, card.country) ? null : 'country_not_sold_to';
}

/** The job that is queued when another card has become the one to charge. */
export const CARD_CHOSEN_TASK = 'card_chosen';

/** As last told by the processor, the default card first. */
export const savedCards = (
  { pool, processor, environment }: PaymentsDeps,
  organizationId: string,
) => pool.query<CardRow>(sql.listCards(organizationId, processor.name, environment));

export type Synced = 'synced' | 'no_customer' | 'unavailable';

/**
 * Reads all cards of an organization from the processor again and keeps them: networks replace
 * numbers and dates by themselves, and cards are removed elsewhere too. Safe at any time.
 */
export async function syncCards(deps: PaymentsDeps, organizationId: string): Promise<Synced> {
  const { pool, processor, environment } = deps;
  const customerId = await findCustomer(deps, organizationId);
  if (customerId === null) return 'no_customer';
  const read = await deps.cards.listCards(customerId);
  if (read.outcome !== 'found') return 'unavailable';
  await pool.transaction(async (tx) => {
    await tx.query(sql.lockCards(organizationId));
    const known = await tx.query<CardRow>(
      sql.listCards(organizationId, processor.name, environment),
    );
    await tx.query(sql.noDefault(organizationId, processor.name, environment));
    for (const card of read.cards) {
      await tx.query(sql.keepCard(organizationId, processor.name, environment, card));
    }
    const ids = read.cards.map((card: SavedCard) => card.id);
    await tx.query(sql.forgetCardsBut(organizationId, processor.name, environment, ids));
    // Auto-reload charges the default card; what stopped it with another one is over.
    const chosen = read.cards.find((card) => card.isDefault);
    const before = known.find((card) => card.isDefault);
    if (chosen !== undefined && !sameCard(chosen, before)) {
      // Any deployment's worker may take the job; the card is of this one's processor.
      await enqueue(tx, CARD_CHOSEN_TASK, { organization_id: organizationId, environment });
    }
  });
  return 'synced';
}

/** A network that renews a card gives it another date, or another number, under its id. */
const sameCard = (now: SavedCard, before: CardRow | undefined): boolean =>
  now.id === before?.id &&
  now.expMonth === before.expMonth &&
  now.expYear === before.expYear &&
  now.fingerprint === before.fingerprint;

/** What the processor tells of cards by itself. */
export const CARD_EVENTS: ReadonlySet<string> = new Set([
  'payment_method.attached',
  'payment_method.automatically_updated',
  'payment_method.detached',
  'payment_method.updated',
]);

/** Follows news of one card; a card that is not ours is left alone. */
export async function cardChanged(
  deps: PaymentsDeps,
  cardId: string,
): Promise<Synced | 'not_ours'> {
  const { pool, processor, environment } = deps;
  const [owner] = await pool.query<CardOwner>(sql.ownerOfCard(cardId, processor.name, environment));
  if (owner === undefined) return 'not_ours';
  return await syncCards(deps, owner.organizationId);
}

export type CardDone =
  | { readonly outcome: 'done' }
  | { readonly outcome: 'unknown_card' }
  | { readonly outcome: 'expired_card' }
  | { readonly outcome: 'unavailable' };

async function ownCard(
  deps: PaymentsDeps,
  organizationId: string,
  cardId: string,
): Promise<CardRow | undefined> {
  return (await savedCards(deps, organizationId)).find((card) => card.id === cardId);
}

/** Makes a card the one that auto-reload charges. An expired one could only fail. */
export async function makeDefault(
  deps: PaymentsDeps,
  organizationId: string,
  cardId: string,
): Promise<CardDone> {
  const card = await ownCard(deps, organizationId, cardId);
  const customerId = await findCustomer(deps, organizationId);
  if (card === undefined || customerId === null) return { outcome: 'unknown_card' };
  if (card.expiry === 'expired') return { outcome: 'expired_card' };
  const key = keyFor(deps, organizationId, 'default_card');
  return follow(deps, organizationId, await deps.cards.setDefault(customerId, cardId, key));
}

/** Removes a card for good. Which card becomes the default then is for a person to say. */
export async function removeCard(
  deps: PaymentsDeps,
  organizationId: string,
  cardId: string,
): Promise<CardDone> {
  const card = await ownCard(deps, organizationId, cardId);
  if (card === undefined) return { outcome: 'unknown_card' };
  const key = `${deps.environment}:${organizationId}:remove_card:${cardId}`;
  return follow(deps, organizationId, await deps.cards.remove(cardId, key));
}

/** Setting a default twice is two deeds, whose answers must not be mixed up. */
const keyFor = (deps: PaymentsDeps, organizationId: string, step: string): string =>
  `${deps.environment}:${organizationId}:${step}:${deps.entropy.nowMs()}`;

async function follow(
  deps: PaymentsDeps,
  organizationId: string,
  answer: Changed<object>,
): Promise<CardDone> {
  // Whatever was answered, what the processor has now is what counts.
  const synced = await syncCards(deps, organizationId);
  return answer.outcome === 'done' && synced === 'synced'
    ? { outcome: 'done' }
    : { outcome: 'unavailable' };
}
