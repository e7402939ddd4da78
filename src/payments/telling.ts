import type { Db } from '#db/pool';
import { formatUsd, type NanoUsd, nanos, ZERO } from '#kernel/money';
import type { GrantIssued } from '#ledger/grants';
import type { Answer, Paused, PauseReason, ReloadFacts } from '#payments/auto-reload';
import type { SettingsRow } from '#payments/auto-reload-sql';
import type { PurchaseFailure } from '#payments/declines';
import type { DisputeState } from '#payments/dispute';
import { type DisputeRow, findDispute } from '#payments/disputes-sql';
import type { RefundState } from '#payments/refund';
import type { RefundRow } from '#payments/refunds-sql';
import type { Purchase } from '#payments/sql';

/**
 * Told to people in the transaction that makes it so; `key` names the transition, and what is told
 * twice under one key is told once. Handed in: payments know nothing of mails.
 */
export type TellPort = (
  tx: Db,
  notice: {
    readonly organizationId: string;
    readonly kind: string;
    readonly key: string;
    readonly facts: Readonly<Record<string, unknown>>;
  },
) => Promise<void>;

interface Telling {
  readonly tell?: TellPort;
}

const amounts = ({ id, credit, tax, total }: Purchase) => ({
  purchase_id: id,
  amount_usd: formatUsd(credit),
  tax_usd: formatUsd(tax),
  total_usd: formatUsd(total),
});

/** A receipt. `paidAt` by business time; absent where it is now. */
export async function tellCredited(
  deps: Telling,
  tx: Db,
  purchase: Purchase,
  of: { readonly grant: GrantIssued; readonly tax: NanoUsd; readonly paidAt: Date },
): Promise<void> {
  const { organizationId, id: key, credit, trigger } = purchase;
  const total = nanos(credit + of.tax);
  await deps.tell?.(tx, {
    ...{ organizationId, kind: trigger === 'auto_reload' ? 'reload_made' : 'receipt', key },
    facts: {
      ...amounts({ ...purchase, tax: of.tax, total }),
      debt_paid_usd: formatUsd(of.grant.repaid),
      grant_id: of.grant.grantId,
      expires_at: of.grant.expiresAt.toISOString(),
      paid_at: of.paidAt.toISOString(),
    },
  });
}

const failureFacts = (purchase: Purchase, failure: PurchaseFailure) => ({
  ...amounts(purchase),
  code: failure.code,
  title: failure.title,
  message: failure.message,
  next_step: failure.next_step,
  card: failure.card == null ? null : `${failure.card.brand} •••• ${failure.card.last4}`,
});

/** A person's payment that was refused: once for a purchase, however many cards are tried. */
export async function tellDeclined(
  deps: Telling,
  tx: Db,
  purchase: Purchase,
  failure: PurchaseFailure | null | undefined,
): Promise<void> {
  if (failure == null) return;
  const { organizationId, id: key } = purchase;
  const facts = failureFacts(purchase, failure);
  await deps.tell?.(tx, { organizationId, kind: 'payment_failed', key, facts });
}

/** A reload whose card was refused, and what that means for the next one. */
export async function tellReloadRefused(
  deps: Telling,
  tx: Db,
  purchase: Purchase,
  failure: PurchaseFailure,
  pause: PauseReason | null,
): Promise<void> {
  const { organizationId, id: key } = purchase;
  const kind = pause === null ? 'reload_failed' : 'reload_paused';
  const facts = { ...failureFacts(purchase, failure), reason: pause };
  await deps.tell?.(tx, { organizationId, kind, key, facts });
}

/** Answers that hold a reload back until somebody acts or time passes, and how long each is the same. */
const CAPPED: Partial<Record<Answer | Paused, 'day' | 'month'>> = {
  hour_full: 'day',
  day_full: 'day',
  month_full: 'month',
  balance_full: 'month',
  no_card: 'month',
  // No card was asked: the reload that met it is not told as one that failed.
  address_needed: 'month',
  address_refused: 'day',
  region_not_sold: 'month',
  payments_down: 'day',
  month_full_with_tax: 'month',
  // The other pauses are told with what caused them.
  fraud_warning: 'month',
};

const PERIOD_LENGTH = { day: 10, month: 7 } as const;

/** A reload that is needed and held back: once in the day or month of what holds it. */
export async function tellCapped(
  deps: Telling,
  tx: Db,
  settings: SettingsRow,
  facts: ReloadFacts,
  { answer, until }: { readonly answer: Answer; readonly until: Date | null },
): Promise<void> {
  const needed = facts.counted + facts.pending < facts.threshold;
  const reason = answer === 'paused' && needed && facts.paused !== null ? facts.paused : answer;
  const every = CAPPED[reason];
  if (every === undefined) return;
  const period = facts.now.toISOString().slice(0, PERIOD_LENGTH[every]);
  await deps.tell?.(tx, {
    organizationId: settings.organizationId,
    kind: 'reload_capped',
    key: `${reason}:${period}`,
    facts: {
      reason,
      balance_usd: formatUsd(nanos(facts.counted)),
      threshold_usd: formatUsd(facts.threshold),
      until: until?.toISOString() ?? null,
    },
  });
}

/** What a customer is told of where a dispute stands. An inquiry moves nothing. */
const DISPUTE_KINDS: Partial<Record<DisputeState, string>> = {
  open: 'dispute_opened',
  won: 'dispute_won',
  lost: 'dispute_lost',
};

export async function tellDispute(
  deps: Telling,
  tx: Db,
  dispute: DisputeRow,
  before: DisputeState | undefined,
): Promise<void> {
  const { organizationId, id, state, version, purchaseId, amount, reason } = dispute;
  const over = state === 'closed' && before === 'open';
  const kind = over ? 'dispute_won' : DISPUTE_KINDS[state];
  if (kind === undefined || deps.tell === undefined) return;
  // What a loss left owed was written after the reading.
  const [written] = await tx.query<DisputeRow>(findDispute(id));
  await deps.tell(tx, {
    ...{ organizationId, kind, key: `${id}:${version}` },
    facts: {
      dispute_id: id,
      purchase_id: purchaseId,
      amount_usd: formatUsd(amount),
      reason: reason.replaceAll('_', ' '),
      owed_usd: formatUsd(written?.owed ?? ZERO),
    },
  });
}

const REFUND_KINDS: Partial<Record<RefundState, string>> = {
  paid: 'refund_paid',
  failed: 'refund_failed',
};

export async function tellRefunded(
  deps: Telling,
  tx: Db,
  refund: RefundRow,
  state: RefundState,
): Promise<void> {
  const { organizationId, id, purchaseId, credit, tax, total } = refund;
  const kind = REFUND_KINDS[state];
  if (kind === undefined) return;
  await deps.tell?.(tx, {
    ...{ organizationId, kind, key: id },
    facts: {
      refund_id: id,
      purchase_id: purchaseId,
      amount_usd: formatUsd(credit),
      tax_usd: formatUsd(tax),
      total_usd: formatUsd(total),
    },
  });
}

/** Whoever is told stands for all who run the deployment. */
const OPERATORS = 'operators';

/** To the operators: an alarm that rings again after it was over is told again. */
export async function tellAlarm(
  deps: Telling & { readonly clock: { now(): Date } },
  tx: Db,
  alarm: { readonly name: string; readonly detail: string; readonly sentence: string },
): Promise<void> {
  const at = deps.clock.now().toISOString();
  await deps.tell?.(tx, {
    organizationId: OPERATORS,
    kind: alarm.name === 'webhook_silence' ? 'webhook_silence' : 'operator_alarm',
    key: `${alarm.name}:${at}`,
    facts: { alarm: alarm.name, detail: alarm.detail, sentence: alarm.sentence, at },
  });
}
