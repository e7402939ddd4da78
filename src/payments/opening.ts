import { nanos, ZERO } from '#kernel/money';
import { explainDecline, plainDecline } from '#payments/declines';
import type { PaymentsDeps } from '#payments/deps';
import type { Changed, Checkout } from '#payments/processor';
import * as sql from '#payments/sql';
import { advance } from '#payments/transition';

/** The `<step>` of an idempotency key; persisted in the processor, never renamed. */
type Step = 'session' | 'expire' | 'charge' | 'cancel' | 'tax';

export const idempotencyKey = (
  deps: PaymentsDeps,
  purchase: Pick<sql.Purchase, 'id' | 'attempt'>,
  step: Step,
): string => `${deps.environment}:${purchase.id}:${step}:${purchase.attempt}`;

/** The processor takes 30 minutes at least; the one more covers a slow or repeated call. */
export const SESSION_MS = 31 * 60_000;
/** With less than this left, a request on its way could arrive too late. */
const SHORTEST_LIFE_MS = 30 * 60_000 + 5_000;

export type Opening =
  | { readonly outcome: 'opened'; readonly purchase: sql.Purchase }
  | { readonly outcome: 'refused'; readonly purchase: sql.Purchase }
  | { readonly outcome: 'unknown'; readonly purchase: sql.Purchase };

/**
 * Brings a stored purchase to its hosted page. May be called at any time, by anyone, any number of
 * times: the calls carry keys made from the row, so a second one gets the first one's answer.
 */
export async function openPurchase(deps: PaymentsDeps, purchase: sql.Purchase): Promise<Opening> {
  if (purchase.state !== 'draft' && purchase.state !== 'opening') {
    return { outcome: 'opened', purchase };
  }
  const opening = await deps.pool.transaction((tx) => advance(tx, purchase, 'call_started'));
  const current = opening ?? (await reread(deps, purchase));
  if (current.state !== 'opening') return { outcome: 'opened', purchase: current };

  const customer = await ensureCustomer(deps, current);
  if (customer.outcome !== 'done') {
    // A customer made by a lost answer stays unused; no money hangs on it.
    if (customer.outcome === 'unknown' && customer.replayed) await spendKey(deps, current);
    return stop(deps, current, customer);
  }

  const renewal = await renewIfStale(deps, current, customer.customerId);
  if ('outcome' in renewal) return renewal;
  return ask(deps, renewal, customer.customerId);
}

async function ask(
  deps: PaymentsDeps,
  current: sql.Purchase,
  customerId: string,
): Promise<Opening> {
  const returnUrl = `${current.consoleUrl}/settings/billing/return?purchase=${current.id}`;
  const answer = await deps.processor.createCheckout({
    purchaseId: current.id,
    organizationId: current.organizationId,
    environment: deps.environment,
    customerId,
    credit: current.credit,
    automaticTax: current.automaticTax,
    addressOnFile: current.addressOnFile,
    savesCard: current.savesCard,
    expiresAt: current.sessionExpiresAt,
    returnUrl: `${returnUrl}&cs={CHECKOUT_SESSION_ID}`,
    cancelUrl: `${returnUrl}&canceled=1`,
    idempotencyKey: idempotencyKey(deps, current, 'session'),
  });
  if (answer.outcome === 'unknown') return recover(deps, current, customerId, answer);
  if (answer.outcome === 'refused') return stop(deps, current, answer);
  return { outcome: 'opened', purchase: await storeCheckout(deps, current, answer.checkout) };
}

/**
 * A page must be asked to live for half an hour at least, so after an outage of more than a minute the
 * request as it was stored would be refused. If it made no page, it is asked anew, as another attempt;
 * if even the half hour has passed, nobody waits for it any more.
 */
async function renewIfStale(
  deps: PaymentsDeps,
  purchase: sql.Purchase,
  customerId: string,
): Promise<sql.Purchase | Opening> {
  const left = purchase.sessionExpiresAt.getTime() - deps.clock.now().getTime();
  if (left > SHORTEST_LIFE_MS) return purchase;
  const found = await deps.processor.findCheckoutOf(customerId, purchase.id);
  if (found.outcome === 'unavailable') return { outcome: 'unknown', purchase };
  if (found.outcome === 'found') {
    return { outcome: 'opened', purchase: await storeCheckout(deps, purchase, found.checkout) };
  }
  if (left <= 0) {
    const expired = await deps.pool.transaction((tx) => advance(tx, purchase, 'session_expired'));
    return { outcome: 'opened', purchase: expired ?? (await reread(deps, purchase)) };
  }
  const expiresAt = new Date(deps.clock.now().getTime() + SESSION_MS);
  const [renewed] = await deps.pool.query<sql.Purchase>(sql.renewAttempt(purchase, expiresAt));
  // Another process renews it at this moment; whoever comes next sees what it made.
  return renewed ?? { outcome: 'unknown', purchase: await reread(deps, purchase) };
}

/** The page may exist although its answer never came: look for it before asking again. */
async function recover(
  deps: PaymentsDeps,
  purchase: sql.Purchase,
  customerId: string,
  answer: Unknown,
): Promise<Opening> {
  const found = await deps.processor.findCheckoutOf(customerId, purchase.id);
  if (found.outcome === 'found') {
    return { outcome: 'opened', purchase: await storeCheckout(deps, purchase, found.checkout) };
  }
  if (found.outcome === 'missing' && answer.replayed) await spendKey(deps, purchase);
  return stop(deps, purchase, answer);
}

/** The processor answers this key with its error for ever: only a new key can get further. */
const spendKey = (deps: PaymentsDeps, purchase: sql.Purchase) =>
  deps.pool.query(sql.raiseAttempt(purchase));

async function storeCheckout(
  deps: PaymentsDeps,
  purchase: sql.Purchase,
  checkout: Checkout,
): Promise<sql.Purchase> {
  const tax =
    checkout.total !== undefined && checkout.total > purchase.credit
      ? { tax: nanos(checkout.total - purchase.credit) }
      : {};
  const opened = await deps.pool.transaction((tx) =>
    advance(tx, purchase, 'session_opened', {
      sessionId: checkout.id,
      redirectUrl: checkout.url,
      ...tax,
    }),
  );
  // Another process stored the same page first, or the payment is already in.
  return opened ?? (await reread(deps, purchase));
}

async function stop(
  deps: PaymentsDeps,
  purchase: sql.Purchase,
  answer: Refused | Unknown,
): Promise<Opening> {
  const fields = { purchase: purchase.id, detail: answer.detail };
  if (answer.outcome === 'unknown') {
    deps.log?.warn(fields, 'opening a payment page has no known outcome yet');
    return { outcome: 'unknown', purchase };
  }
  deps.log?.error(fields, 'the processor refused to open a payment page');
  const decline = plainDecline(answer.code);
  const failed = await deps.pool.transaction((tx) =>
    advance(tx, purchase, 'open_refused', {
      failure: ourFault(explainDecline(decline, purchase.total, purchase.id)),
      lastDecline: decline,
    }),
  );
  return { outcome: 'refused', purchase: failed ?? (await reread(deps, purchase)) };
}

/** No card was involved yet, so a code without words of its own cannot be the bank's doing. */
function ourFault(failure: ReturnType<typeof explainDecline>): typeof failure {
  if (failure.class !== 'BANK') return failure;
  const words = explainDecline(plainDecline('resource_missing'), ZERO, '');
  return { ...words, code: failure.code, reference: failure.reference };
}

type Refused = Extract<Changed<object>, { outcome: 'refused' }>;
type Unknown = Extract<Changed<object>, { outcome: 'unknown' }>;

/** One customer per organization. An attempt above 1 follows a key that was spent on an error. */
export async function ensureCustomer(
  deps: PaymentsDeps,
  purchase: Pick<sql.Purchase, 'organizationId' | 'attempt'>,
): Promise<Changed<{ customerId: string }>> {
  const { pool, processor, environment } = deps;
  const { organizationId, attempt } = purchase;
  const known = await findCustomer(deps, organizationId);
  if (known !== null) return { outcome: 'done', customerId: known };
  const made = await processor.createCustomer({
    organizationId,
    environment,
    idempotencyKey: `${environment}:${organizationId}:customer:${attempt}`,
  });
  if (made.outcome !== 'done') return made;
  await pool.query(
    sql.insertCustomer(organizationId, processor.name, environment, made.customerId),
  );
  return {
    outcome: 'done',
    customerId: (await findCustomer(deps, organizationId)) ?? made.customerId,
  };
}

export async function findCustomer(
  deps: PaymentsDeps,
  organizationId: string,
): Promise<string | null> {
  const [row] = await deps.pool.query<{ customerId: string }>(
    sql.findCustomer(organizationId, deps.processor.name, deps.environment),
  );
  return row?.customerId ?? null;
}

export async function reread(deps: PaymentsDeps, purchase: sql.Purchase): Promise<sql.Purchase> {
  const [row] = await deps.pool.query<sql.Purchase>(
    sql.findPurchase(purchase.id, purchase.organizationId),
  );
  return row ?? purchase;
}
