import type { Db } from '#db/pool';
import type { OrganizationId } from '#kernel/ids';
import { centsExactly, formatUsd, NANOS_PER_USD, type NanoUsd, nanos } from '#kernel/money';
import { tellWhenBelow } from '#ledger/low';
import type { Answer, Paused } from '#payments/auto-reload';
import type { EvaluationRow, SettingsRow } from '#payments/auto-reload-sql';
import * as sql from '#payments/auto-reload-sql';
import { RELOAD_CONSENT } from '#payments/card-consent';
import type { PaymentsDeps } from '#payments/deps';
import { purchaseBounds } from '#payments/purchase-bounds';
import { evaluateReload } from '#payments/reload';
import { dropDraft } from '#payments/reload-charge';
import { reloadPauses } from '#payments/reload-pauses';
import type { Purchase } from '#payments/sql';

const PER_DAY_MOST = 24;

export interface ReloadSettings {
  readonly enabled: boolean;
  readonly threshold: NanoUsd;
  readonly target: NanoUsd;
  readonly maxPerDay: number;
  readonly maxPerMonth: NanoUsd | null;
}

/** What a form begins with. Nothing is on by itself. */
export const DEFAULT_RELOAD: ReloadSettings = {
  enabled: false,
  threshold: nanos(10n * NANOS_PER_USD),
  target: nanos(50n * NANOS_PER_USD),
  maxPerDay: 3,
  maxPerMonth: nanos(500n * NANOS_PER_USD),
};

/** A field of the request, what is wrong with it and what may stand there. */
export interface Invalid {
  readonly outcome: 'invalid';
  readonly field: 'threshold_usd' | 'target_usd' | 'max_per_day' | 'max_usd_per_month';
  readonly message: string;
}

export type Saved = { readonly outcome: 'saved' } | Invalid;

/** What may not be, with words; undefined if all is well. Pure. */
export function invalidity(settings: ReloadSettings, maximum: NanoUsd): Invalid | undefined {
  const { threshold, target, maxPerDay, maxPerMonth } = settings;
  const no = (field: Invalid['field'], message: string): Invalid => ({
    outcome: 'invalid',
    field,
    message,
  });
  if (threshold < 0n || centsExactly(threshold) === undefined) {
    return no('threshold_usd', 'threshold_usd must be whole cents, 0 or more.');
  }
  if (centsExactly(target) === undefined) {
    return no('target_usd', 'target_usd must be whole cents.');
  }
  if (target <= threshold) {
    return no('target_usd', `target_usd must be above threshold_usd ($${formatUsd(threshold)}).`);
  }
  if (target - threshold > maximum) {
    const most = formatUsd(maximum);
    return no('target_usd', `target_usd may be at most $${most} above threshold_usd.`);
  }
  if (!Number.isInteger(maxPerDay) || maxPerDay < 1 || maxPerDay > PER_DAY_MOST) {
    return no('max_per_day', `max_per_day must be a whole number from 1 to ${PER_DAY_MOST}.`);
  }
  if (maxPerMonth !== null && (maxPerMonth <= 0n || centsExactly(maxPerMonth) === undefined)) {
    return no('max_usd_per_month', 'max_usd_per_month must be whole cents above 0, or null.');
  }
  return undefined;
}

/**
 * Keeps the settings, switches on or off. Whether to reload is asked by the timer within a second:
 * nobody waits for a card to have something stored. Once this has answered that it is off, no card is
 * charged any more; what was being charged then is told by the view.
 */
export async function saveReloadSettings(
  deps: PaymentsDeps,
  organizationId: OrganizationId,
  settings: ReloadSettings,
  actor: string,
): Promise<Saved> {
  const { maximum } = await purchaseBounds(deps, organizationId);
  const wrong = invalidity(settings, maximum);
  if (wrong !== undefined) return wrong;
  await deps.pool.transaction(async (tx) => {
    await tx.query(
      sql.saveSettings({
        organizationId,
        ...settings,
        actor,
        consentVersion: RELOAD_CONSENT.version,
        environment: deps.environment,
      }),
    );
    if (settings.enabled) return;
    const drafts = await tx.query<Pick<Purchase, 'organizationId' | 'id'>>(
      sql.reloadsInStates(organizationId, ['draft']),
    );
    for (const draft of drafts) await dropDraft(tx, draft);
    await tellWhenBelow(tx, organizationId, null);
  });
  return { outcome: 'saved' };
}

/**
 * A new card, or a new default: refusals of the one before count no more. `environment` is that of the
 * processor which has the card, whoever works the job that tells of it.
 */
export async function reloadCardChanged(
  deps: PaymentsDeps,
  organizationId: OrganizationId,
  environment: string = deps.environment,
): Promise<void> {
  await deps.pool.query(sql.forgetRefusals(organizationId, environment));
  await evaluateReload(deps, organizationId, 'card_changed');
}

export interface ReloadView {
  readonly settings: SettingsRow | undefined;
  readonly status: 'off' | 'on' | 'paused' | 'reloading';
  readonly paused: Paused | null;
  /** It was set, and whether to reload has not been asked since; that takes a second or two. */
  readonly checking: boolean;
  readonly evaluations: readonly EvaluationRow[];
}

const EVALUATIONS_SHOWN = 20;

export async function readReload(db: Db, organizationId: OrganizationId): Promise<ReloadView> {
  const [settings] = await db.query<SettingsRow>(sql.findSettings(organizationId));
  const evaluations = await db.query<EvaluationRow>(
    sql.listEvaluations(organizationId, EVALUATIONS_SHOWN),
  );
  const [elsewhere] = await reloadPauses(db, organizationId);
  const open = await db.query(
    sql.reloadsInStates(organizationId, ['draft', 'opening', 'processing']),
  );
  const paused = settings?.paused ?? elsewhere?.cause ?? null;
  const on = settings?.enabled === true;
  const status =
    open.length > 0 ? 'reloading' : !on ? 'off' : paused !== null ? 'paused' : ('on' as const);
  const askedAt = evaluations[0]?.lastAt;
  const checking = on && (askedAt === undefined || askedAt < settings.changedAt);
  return { settings, status, paused, checking, evaluations };
}

/** Why it did or did not reload, in words. */
export const ANSWER_WORDS: Readonly<Record<Answer, string>> = {
  started: 'The balance was below the threshold: a reload was started.',
  off: 'Auto-reload is off.',
  paused: 'Auto-reload is paused.',
  enough: 'The balance was not below the threshold, or a purchase on its way brings it there.',
  under_way: 'A reload was already under way, or its payment was being checked by us.',
  no_card: 'There is no saved default card that may be charged without you.',
  card_resting: 'The card was refused and must rest before it may be charged again.',
  cooling_down: 'The last reload was less than a minute ago.',
  hour_full: 'There were three reloads within an hour.',
  day_full: 'The number of reloads allowed per day was reached.',
  month_full: 'The amount allowed per month was reached.',
  declined_recently: 'The last reload failed less than a day ago.',
  balance_full: 'The balance has no room for another purchase.',
  address_needed:
    'Tax and availability depend on the billing address, and there is none. No card was asked: ' +
    'enter the billing address to go on.',
  address_refused:
    'No tax could be worked out for the billing address. No card was asked: check the address to ' +
    'go on.',
  region_not_sold:
    'Credits are not sold to the country of the billing address. No card was asked: use an address ' +
    'in a country that credits are sold to.',
  payments_down:
    'Payments did not work on our side, and we have been told. No card was asked. It is tried ' +
    'again by itself; you need not do anything.',
  month_full_with_tax:
    'What is left of the amount allowed per month is less than the smallest purchase with its tax. ' +
    'No card was asked: raise the amount per month, or buy credits yourself.',
  refunded:
    'A payment was refunded, and auto-reload was switched off with it: or what went back to the ' +
    'card would have been charged to it again. Switch it on when you want it.',
};

export const PAUSE_WORDS: Readonly<Record<Paused, string>> = {
  card_declined: 'The card was declined for good. Save another card to go on.',
  declined_repeatedly:
    'The card was declined three times. Save another card, or switch auto-reload off and on again.',
  verification_required:
    'Your bank wants you to confirm payments with this card, which auto-reload cannot. ' +
    'Let it charge another card, or buy credits yourself.',
  dispute:
    'A payment is or was disputed with the bank. Auto-reload waits until that is settled; ' +
    'you can still buy credits yourself.',
  fraud_warning:
    'A bank reported a payment as fraudulent. Auto-reload waits until we have looked at it, also ' +
    'when the payment was refunded; you can still buy credits yourself.',
  suspended:
    'This organization is suspended, and its credit cannot be used. Auto-reload waits until it is ' +
    'resumed.',
};
