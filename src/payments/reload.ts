import type { Db } from '#db/pool';
import { newId, type OrganizationId } from '#kernel/ids';
import { type NanoUsd, nanos, ZERO } from '#kernel/money';
import { roomForCredit } from '#ledger/grants';
import { readCounted, tellWhenBelow } from '#ledger/low';
import { type Answer, decideReload, type Paused, type ReloadFacts } from '#payments/auto-reload';
import type { HistoryRow, SettingsRow } from '#payments/auto-reload-sql';
import * as sql from '#payments/auto-reload-sql';
import { whyAttended } from '#payments/cards';
import { type CardRow, listCards } from '#payments/cards-sql';
import type { PaymentsDeps } from '#payments/deps';
import { PHASE_OF } from '#payments/purchase';
import { type PurchaseBounds, purchaseBounds } from '#payments/purchase-bounds';
import { carryOnReload } from '#payments/reload-charge';
import { reloadPauses } from '#payments/reload-pauses';
import type { Purchase } from '#payments/sql';
import { insertDraft, insertTimeline } from '#payments/sql';
import { tellCapped } from '#payments/telling';

/** What made us ask whether to reload. Persisted. */
export type Cause =
  | 'credit_low'
  | 'settings_changed'
  | 'request_refused'
  | 'brake_ended'
  | 'card_changed'
  | 'reload_ended';

/** The processor keeps an answer under its key for a day; a reload is decided long before. */
const KEY_MS = 20 * 3_600_000;

/**
 * Asks whether to reload, writes the answer down, and charges the card if it is yes. Safe from
 * anywhere, at any time, any number of times: the settings' lock and one open reload per
 * organization make two askers one.
 */
export async function evaluateReload(
  deps: PaymentsDeps,
  organizationId: OrganizationId,
  cause: Cause,
): Promise<Answer> {
  const bounds = await purchaseBounds(deps, organizationId);
  const decided = await deps.pool.transaction(async (tx) => {
    const [settings] = await tx.query<SettingsRow>(sql.lockSettings(organizationId));
    return settings === undefined ? undefined : await decide(deps, tx, settings, cause, bounds);
  });
  if (decided === undefined) return 'off';
  if (decided.purchase !== undefined) {
    const carried = await carryOnReload(deps, decided.purchase);
    if (PHASE_OF[carried.state] !== 'open')
      await evaluateReload(deps, organizationId, 'reload_ended');
  }
  return decided.answer;
}

interface Decided {
  readonly answer: Answer;
  readonly purchase?: Purchase;
}

async function decide(
  deps: PaymentsDeps,
  tx: Db,
  settings: SettingsRow,
  cause: Cause,
  bounds: PurchaseBounds,
): Promise<Decided> {
  const { organizationId, threshold } = settings;
  const facts = await readFacts(deps, tx, settings, bounds);
  const decision = decideReload(facts);
  const { answer } = decision;
  const purchase =
    decision.answer === 'started' ? await storeReload(deps, tx, settings, decision.amount) : null;
  const until = decision.answer === 'started' ? null : decision.until;
  await tx.query(
    sql.noteEvaluation(organizationId, {
      cause,
      outcome: answer,
      counted: facts.counted,
      pending: facts.pending,
      threshold,
      purchaseId: purchase?.id ?? null,
      until,
    }),
  );
  await tellCapped(deps, tx, settings, facts, { answer, until });
  // Whatever comes of the purchase, and whoever learns of it, the question is asked again after it.
  const lookAgain = purchase === null ? until : new Date(facts.now.getTime() + AFTER_START_MS);
  await tx.query(sql.setLookAgain(organizationId, lookAgain));
  if (answer === 'enough' && until === null) await tellWhenBelow(tx, organizationId, threshold);
  return purchase === null ? { answer } : { answer, purchase };
}

const AFTER_START_MS = 5_000;

async function readFacts(
  deps: PaymentsDeps,
  tx: Db,
  settings: SettingsRow,
  bounds: PurchaseBounds,
): Promise<ReloadFacts> {
  const { organizationId } = settings;
  const [history] = await tx.query<HistoryRow>(sql.history(organizationId));
  if (history === undefined) throw new Error('a question without rows has one row');
  const [elsewhere] = await reloadPauses(tx, organizationId);
  const paused: Paused | null = settings.paused ?? elsewhere?.cause ?? null;
  const [card] = await tx.query<CardRow>(
    listCards(organizationId, deps.processor.name, deps.environment),
  );
  const usable = card?.isDefault === true && whyAttended(card, deps.selling) === null ? card : null;
  return {
    now: history.now,
    enabled: settings.enabled,
    paused,
    threshold: nanos(settings.threshold),
    target: nanos(settings.target),
    maxPerDay: settings.maxPerDay,
    maxPerMonth: settings.maxPerMonth,
    counted: await readCounted(tx, organizationId),
    pending: nanos(history.pending),
    underWay: history.underWay,
    card: usable,
    lastCreditedAt: history.lastCreditedAt,
    lastDeclinedAt: settings.declinedAt,
    begun: history.begun ?? [],
    chargedInMonth: nanos(history.chargedInMonth),
    nextMonth: history.nextMonth,
    minimum: bounds.minimum,
    maximum: await mostThatFits(bounds.maximum, tx, organizationId),
  };
}

async function mostThatFits(
  most: NanoUsd,
  tx: Db,
  organizationId: OrganizationId,
): Promise<NanoUsd> {
  const room = await roomForCredit(tx, organizationId);
  return room < most ? (room < 0n ? ZERO : room) : most;
}

/** The row before the call, with the card it will be charged to. */
async function storeReload(
  deps: PaymentsDeps,
  tx: Db,
  settings: SettingsRow,
  amount: NanoUsd,
): Promise<Purchase> {
  const { organizationId } = settings;
  const [stored] = await tx.query<Purchase>(
    insertDraft({
      organizationId,
      id: newId('purchase', deps.entropy),
      trigger: 'auto_reload',
      actor: 'auto_reload',
      nonce: null,
      credit: amount,
      provider: deps.processor.name,
      environment: deps.environment,
      sessionExpiresAt: new Date(deps.clock.now().getTime() + KEY_MS),
      consoleUrl: deps.urls.console,
      automaticTax: deps.automaticTax === true,
      addressOnFile: false,
    }),
  );
  if (stored === undefined) throw new Error('a reload was not stored');
  await tx.query(
    insertTimeline(stored, 'draft', 'Reload started: the balance fell below the mark.'),
  );
  return stored;
}

const TURNS_AT_ONCE = 10;

/** Meant for every second: asks again where a brake has ended or a reload is under way. */
export async function evaluateDueReloads(deps: PaymentsDeps): Promise<void> {
  const due = await deps.pool.query<{ organizationId: OrganizationId }>(sql.takeDue(TURNS_AT_ONCE));
  // Together: one whose card is charged slowly must not keep the others waiting.
  await Promise.all(
    due.map(async ({ organizationId }) => {
      try {
        await evaluateReload(deps, organizationId, 'brake_ended');
      } catch (error) {
        deps.log?.error(
          { organization: organizationId, err: error },
          'a reload could not be decided',
        );
      }
    }),
  );
}
