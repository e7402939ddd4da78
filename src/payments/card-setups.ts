import { type CardSetupId, newId, type OrganizationId } from '#kernel/ids';
import { ZERO } from '#kernel/money';
import { CURRENT_CONSENT } from '#payments/card-consent';
import { SETUP_PURPOSE, type Setup } from '#payments/card-processor';
import type { SetupChange, SetupRow } from '#payments/card-setups-sql';
import * as sql from '#payments/card-setups-sql';
import { makeDefault, removeCard, savedCards, syncCards } from '#payments/cards';
import { restAfter } from '#payments/cards-resting';
import { explainDecline, plainDecline } from '#payments/declines';
import type { PaymentsDeps } from '#payments/deps';
import { ensureCustomer } from '#payments/opening';
import { keepPurchaseCard } from '#payments/purchase-cards';
import { giveStarterCredit } from '#payments/starter';

export type CardSetup = SetupRow;

export interface SetupAsked {
  readonly organizationId: OrganizationId;
  readonly actor: string;
  /** Where the person sat who agreed, as their connection showed. */
  readonly ip: string;
  /** The version of the text they read and agreed to. */
  readonly consentVersion: string;
  /** One per opened form. */
  readonly nonce: string;
  /** The card the new one takes the place of. */
  readonly replaces?: string;
}

export type SetupBegun =
  | { readonly outcome: 'opened'; readonly setup: CardSetup }
  /** The text changed since the page was loaded: it must be read again. */
  | { readonly outcome: 'consent_outdated' }
  | { readonly outcome: 'unknown_card' }
  | { readonly outcome: 'processor_unavailable'; readonly setup: CardSetup }
  | { readonly outcome: 'processor_refused'; readonly setup: CardSetup };

/** Keeps the consent, then opens the processor's page for entering a card. Nothing is charged. */
export async function beginSetup(deps: PaymentsDeps, asked: SetupAsked): Promise<SetupBegun> {
  const { organizationId } = asked;
  if (asked.consentVersion !== CURRENT_CONSENT.version) return { outcome: 'consent_outdated' };
  const { replaces } = asked;
  if (replaces !== undefined) {
    const cards = await savedCards(deps, organizationId);
    if (!cards.some((card) => card.id === replaces)) return { outcome: 'unknown_card' };
  }
  const setup = await store(deps, asked);
  if (setup.state !== 'opening') return { outcome: 'opened', setup };

  const customer = await ensureCustomer(deps, { organizationId, attempt: 1 });
  if (customer.outcome !== 'done') return { outcome: 'processor_unavailable', setup };
  const returnUrl = `${setup.consoleUrl}/settings/billing/card?setup=${setup.id}`;
  const answer = await deps.cards.createSetup({
    setupId: setup.id,
    organizationId,
    environment: deps.environment,
    customerId: customer.customerId,
    returnUrl,
    cancelUrl: `${returnUrl}&canceled=1`,
    key: `${deps.environment}:${setup.id}:setup:1`,
  });
  if (answer.outcome === 'unknown') return { outcome: 'processor_unavailable', setup };
  if (answer.outcome === 'refused') {
    deps.log?.error({ setup: setup.id, detail: answer.detail }, 'a card page was refused');
    const failure = explainDecline(plainDecline(answer.code), ZERO, setup.id);
    const refused = await change(deps, setup, { ...UNCHANGED, state: 'refused', failure });
    return { outcome: 'processor_refused', setup: refused };
  }
  const opened = await change(deps, setup, {
    ...UNCHANGED,
    state: 'open',
    sessionId: answer.setup.sessionId,
    redirectUrl: answer.setup.url,
  });
  return { outcome: 'opened', setup: opened };
}

const UNCHANGED = { sessionId: null, redirectUrl: null, cardId: null, failure: null };

async function store(deps: PaymentsDeps, asked: SetupAsked): Promise<CardSetup> {
  const { organizationId, nonce } = asked;
  const id: CardSetupId = newId('cardSetup', deps.entropy);
  const [stored] = await deps.pool.query<SetupRow>(
    sql.insertSetup({
      organizationId,
      id,
      provider: deps.processor.name,
      environment: deps.environment,
      nonce,
      consentVersion: asked.consentVersion,
      consentedBy: asked.actor,
      consentedIp: asked.ip,
      replacesCardId: asked.replaces ?? null,
      consoleUrl: deps.urls.console,
    }),
  );
  if (stored !== undefined) return stored;
  const [earlier] = await deps.pool.query<SetupRow>(sql.findSetupByNonce(organizationId, nonce));
  if (earlier === undefined) throw new Error('a card setup was neither stored nor found');
  return earlier;
}

async function change(deps: PaymentsDeps, setup: CardSetup, news: SetupChange): Promise<CardSetup> {
  const { organizationId, id } = setup;
  const [changed] = await deps.pool.query<SetupRow>(sql.changeSetup(organizationId, id, news));
  return changed ?? (await findSetup(deps, organizationId, id)) ?? setup;
}

/** Another organization's setup is not found. */
export async function findSetup(
  deps: PaymentsDeps,
  organizationId: string,
  id: string,
): Promise<CardSetup | undefined> {
  const [row] = await deps.pool.query<SetupRow>(sql.findSetup(organizationId, id));
  return row;
}

/** Pages are good for a day at most; who has more of them open at once is not a person. */
const OPEN_MOST = 5;

/** Looks at every setup that is still open: its page may have been left after the card was saved. */
export async function refreshOpenSetups(deps: PaymentsDeps, organizationId: string): Promise<void> {
  const open = await deps.pool.query<SetupRow>(sql.openSetups(organizationId, OPEN_MOST));
  for (const setup of open) await refreshSetup(deps, setup);
  // Jobs keep these; one that was settled by a release before this has none.
  const paid = await deps.pool.query<{ purchaseId: string }>(
    sql.cardsToKeep(organizationId, OPEN_MOST),
  );
  for (const { purchaseId } of paid) await keepPurchaseCard(deps, organizationId, purchaseId);
}

/** What the processor tells of pages of ours on which a card is saved. */
export const isSetupNews = (event: { readonly type: string; readonly purpose: string | null }) =>
  event.type.startsWith('checkout.session.') && event.purpose === SETUP_PURPOSE;

/** Follows news of a page by its id; undefined if no card of ours is saved on it. */
export async function setupChanged(
  deps: PaymentsDeps,
  sessionId: string,
): Promise<SetupRefreshed['outcome'] | undefined> {
  const { pool, processor, environment } = deps;
  const [setup] = await pool.query<SetupRow>(
    sql.findSetupBySession(sessionId, processor.name, environment),
  );
  return setup === undefined ? undefined : (await refreshSetup(deps, setup)).outcome;
}

export type SetupRefreshed =
  | { readonly outcome: 'refreshed'; readonly setup: CardSetup }
  | { readonly outcome: 'processor_unavailable'; readonly setup: CardSetup };

/**
 * Asks the processor what became of a setup. A saved card becomes the default if it is the first or
 * takes the place of another, which is then removed.
 */
export async function refreshSetup(deps: PaymentsDeps, setup: CardSetup): Promise<SetupRefreshed> {
  if (setup.sessionId === null || setup.state === 'saved' || setup.state === 'expired') {
    return { outcome: 'refreshed', setup };
  }
  const read = await deps.cards.retrieveSetup(setup.sessionId);
  if (read.outcome !== 'found') return { outcome: 'processor_unavailable', setup };
  const found = read.setup;
  if (found.status === 'complete' && found.cardId !== null) {
    return await saved(deps, setup, found.cardId);
  }
  return { outcome: 'refreshed', setup: await unfinished(deps, setup, found) };
}

async function unfinished(deps: PaymentsDeps, setup: CardSetup, found: Setup): Promise<CardSetup> {
  if (found.status === 'expired') {
    return await change(deps, setup, { ...UNCHANGED, state: 'expired' });
  }
  if (found.decline === null) return setup;
  await restAfter(deps.pool, setup.organizationId, found.decline);
  const failure = explainDecline(found.decline, ZERO, setup.id);
  // The page is still there: another card can be entered on it.
  return await change(deps, setup, {
    ...UNCHANGED,
    state: 'refused',
    redirectUrl: found.url,
    failure,
  });
}

async function saved(
  deps: PaymentsDeps,
  setup: CardSetup,
  cardId: string,
): Promise<SetupRefreshed> {
  const { organizationId, replacesCardId } = setup;
  const before = await savedCards(deps, organizationId);
  if ((await syncCards(deps, organizationId)) !== 'synced') {
    return { outcome: 'processor_unavailable', setup };
  }
  const replaced = before.find((card) => card.id === replacesCardId);
  const others = before.filter((card) => card.id !== cardId);
  if (others.every((card) => !card.isDefault) || replaced?.isDefault === true) {
    await makeDefault(deps, organizationId, cardId);
  }
  if (replaced !== undefined && replaced.id !== cardId) {
    await removeCard(deps, organizationId, replaced.id);
  }
  // Before it is told as saved: whoever is interrupted here comes back.
  await giveStarterCredit(deps, organizationId, setup.consentedBy);
  const done = await change(deps, setup, { ...UNCHANGED, state: 'saved', cardId });
  deps.log?.info({ setup: setup.id, purpose: SETUP_PURPOSE }, 'card saved');
  return { outcome: 'refreshed', setup: done };
}
