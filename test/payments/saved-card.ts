import type { OrganizationId } from '#kernel/ids';
import { parseUsd, ZERO } from '#kernel/money';
import { makeDefault, syncCards } from '#payments/cards';
import { ensureCustomer } from '#payments/opening';
import { listPurchases, type Purchase } from '#payments/purchases';
import { saveReloadSettings } from '#payments/reload-settings';
import type { World } from './world.ts';

/** From below ten dollars up to fifty: an empty account is charged fifty at once. */
export const RELOAD_USD = '50';
const amount = (text: string) => parseUsd(text) ?? ZERO;
const SETTINGS = {
  ...{ enabled: true, threshold: amount('10'), target: amount(RELOAD_USD) },
  ...{ maxPerDay: 24, maxPerMonth: null },
};

/**
 * Keeps a documented test card with the organization's customer. `set_up` asks the card's bank for
 * later charges, as the hosted page does; `attached` does not, for cards whose banks would ask back.
 */
export async function keepCard(
  world: World,
  organizationId: OrganizationId,
  card: `pm_card_${string}`,
  how: 'set_up' | 'attached' = 'attached',
): Promise<string> {
  const { stripe, deps } = world;
  const customer = await ensureCustomer(deps, { organizationId, attempt: 1 });
  if (customer.outcome !== 'done') throw new Error(customer.detail);
  const { customerId } = customer;
  const kept =
    how === 'attached'
      ? (await stripe.paymentMethods.attach(card, { customer: customerId })).id
      : await setUp(world, customerId, card);
  await syncCards(deps, organizationId);
  const made = await makeDefault(deps, organizationId, kept);
  if (made.outcome !== 'done') throw new Error(`not the default: ${made.outcome}`);
  return kept;
}

async function setUp(world: World, customer: string, card: string): Promise<string> {
  const intent = await world.stripe.setupIntents.create({
    ...{ customer, payment_method: card, confirm: true, usage: 'off_session' },
    allowed_payment_method_types: ['card'],
  });
  if (intent.status !== 'succeeded') throw new Error(`the card was not set up: ${intent.status}`);
  const { payment_method: method } = intent;
  const id = typeof method === 'string' ? method : method?.id;
  if (id === undefined) throw new Error('a card was set up and is not named');
  return id;
}

export const switchReload = (world: World, organizationId: OrganizationId, enabled: boolean) =>
  saveReloadSettings(world.deps, organizationId, { ...SETTINGS, enabled }, 'user_test');

/** Switches auto-reload on with an empty balance; answers the purchase that came of it. */
export async function reload(world: World, organizationId: OrganizationId): Promise<Purchase> {
  await switchReload(world, organizationId, true);
  const [purchase] = await listPurchases(world.db.pool, organizationId, 1);
  if (purchase === undefined) throw new Error('nothing was decided');
  return purchase;
}

/** A credited purchase of this card, without anybody at a page. */
export async function bought(world: World, card: `pm_card_${string}`) {
  const payer = await world.payer();
  const { organizationId } = payer;
  await keepCard(world, organizationId, card);
  const first = await reload(world, organizationId);
  const purchase = await world.until('the reload is credited', async () => {
    const row = await world.look(first);
    return row.state === 'credited' ? row : undefined;
  });
  const { paymentIntentId } = purchase;
  if (paymentIntentId === null) throw new Error('credited without a payment');
  // What goes back must not be charged again while it is looked at.
  await switchReload(world, organizationId, false);
  return { ...{ payer, organizationId, purchase, paymentIntentId } };
}
