import { formatUsd } from '#kernel/money';
import { unexplainedClearing } from '#ledger/clearing';
import {
  OVERDUE_DAYS,
  type PastVerification,
  readLastVerifications,
  verificationIsOverdue,
} from '#ledger/seals';
import { ALARMS, type Alarm, alarmsSince, readAlarms } from '#payments/alarms';
import { readPurchase } from '#payments/purchases';
import { lastReconciliation, OVERDUE_DAYS as RECONCILED_WITHIN } from '#payments/reconcile-night';
import type { ConsoleDeps } from '../deps.ts';
import type { Check } from './contract.ts';
import { type Line, line } from './line.ts';
import { ALARM_STEPS } from './steps.ts';

type Deps = Pick<ConsoleDeps, 'pool' | 'payments'>;

/** What was found, and what was looked at to find it. */
export interface Watched {
  readonly lines: readonly Line[];
  readonly checks: readonly Check[];
}

/** The books, the alarms, and when both were last looked at. */
export async function systemLines(deps: Deps, now: Date): Promise<Watched> {
  const watched = await Promise.all([
    verification(deps),
    clearing(deps, now),
    alarms(deps, now),
    reconciliation(deps),
  ]);
  return {
    lines: watched.flatMap(({ lines }) => lines),
    checks: watched.flatMap(({ checks }) => checks),
  };
}

const DONE_BY_ITSELF = 'A worker does it every night.';
const IS_A_WORKER_RUNNING = 'See whether a worker is running.';

async function verification({ pool }: Deps): Promise<Watched> {
  const [last, overdue] = await Promise.all([
    readLastVerifications(pool),
    verificationIsOverdue(pool, OVERDUE_DAYS),
  ]);
  const lines = last.filter(({ ok }) => !ok).map(broken);
  if (overdue) {
    lines.push(
      line({
        key: 'verification overdue',
        kind: 'verification',
        title: `The ledger was not verified for ${OVERDUE_DAYS} days`,
        since: last[0]?.at.toISOString() ?? null,
        next_step: IS_A_WORKER_RUNNING,
      }),
    );
  }
  const [newest] = last;
  const words =
    newest === undefined
      ? `Not verified yet. ${DONE_BY_ITSELF}`
      : `${newest.ok ? 'In order' : 'Not in order'}: ${newest.entries} entries, ${newest.mode}.`;
  const at = newest?.at.toISOString() ?? null;
  return { lines, checks: [{ name: 'Ledger', at, ok: lines.length === 0, words }] };
}

const broken = ({ mode, failed, at }: PastVerification): Line =>
  line({
    key: `verification ${mode}`,
    kind: 'verification',
    title: 'The ledger does not agree with itself',
    detail: `Last ${mode} verification: ${failed.join(', ')}.`,
    since: at.toISOString(),
    next_step: 'Stop the gateways, keep everything, and run “bursar ledger verify --full”.',
  });

const ACCOUNTS_LISTED = 50;

async function clearing({ pool }: Deps, now: Date): Promise<Watched> {
  const found = await unexplainedClearing(pool, ACCOUNTS_LISTED);
  const lines = found.map(({ organizationId, account, amount }) =>
    line({
      key: `clearing ${organizationId} ${account}`,
      kind: 'clearing',
      title:
        account === 'stripe_clearing'
          ? 'Money came in that is neither credit nor tax'
          : 'Money is on its way back that no refund explains',
      detail: `${account} is not zero.`,
      organizationId,
      amount_usd: formatUsd(amount),
      next_step: 'Run “bursar ledger verify --full”, and keep everything.',
    }),
  );
  const ok = lines.length === 0;
  const words = ok ? 'Zero: all money that came in is explained.' : 'Not zero.';
  const at = now.toISOString();
  return { lines, checks: [{ name: 'Clearing accounts', at, ok, words }] };
}

async function alarms(deps: Deps, now: Date): Promise<Watched> {
  const { pool, payments } = deps;
  const webhooks = payments.webhooksExpected !== false;
  const [raised, since] = await Promise.all([
    readAlarms(pool, { environment: payments.environment, webhooks }),
    alarmsSince(payments),
  ]);
  const each = await Promise.all(
    raised.map((alarm) => linesOf(deps, alarm, since.get(alarm.name)?.toISOString() ?? null)),
  );
  const words = webhooks ? 'No alarm.' : 'No alarm. Webhooks are not configured; polling goes on.';
  const ok = raised.length === 0;
  const said = ok ? words : `${raised.length} ringing.`;
  const at = now.toISOString();
  return { lines: each.flat(), checks: [{ name: 'Alarms', at, ok, words: said }] };
}

/** Purchases that are shown one by one; the alarm itself says how many more there are. */
const SHOWN = 10;

async function linesOf({ pool }: Deps, alarm: Alarm, since: string | null): Promise<Line[]> {
  const { name, detail } = alarm;
  const rang = line({
    ...{ key: `alarm ${name}`, kind: 'alarm', title: sentence(ALARMS[name]), detail, since },
    next_step: ALARM_STEPS[name],
  });
  const found = await Promise.all(
    alarm.purchases.slice(0, SHOWN).map((id) => readPurchase(pool, id)),
  );
  const purchases = found.filter((one) => one !== undefined);
  // Something it tells of is no purchase that is known here, or there are more than are shown.
  const whole = purchases.length === 0 || purchases.length < alarm.purchases.length;
  return [
    ...(whole ? [rang] : []),
    ...purchases.map((purchase) => ({
      ...rang,
      key: `${rang.key} ${purchase.id}`,
      detail: purchase.id,
      organizationId: purchase.organizationId,
      amount_usd: formatUsd(purchase.total),
      since: since ?? purchase.createdAt.toISOString(),
      payment_id: purchase.paymentIntentId,
      purchase_id: purchase.id,
    })),
  ];
}

const sentence = (text: string): string => `${text.charAt(0).toUpperCase()}${text.slice(1)}`;

async function reconciliation({ pool }: Deps): Promise<Watched> {
  const { doneAt, overdue } = await lastReconciliation(pool, RECONCILED_WITHIN);
  const at = doneAt?.toISOString() ?? null;
  const name = 'Processor against books';
  if (!overdue) {
    const words = doneAt === null ? `Not compared yet. ${DONE_BY_ITSELF}` : 'Compared.';
    return { lines: [], checks: [{ name, at, ok: true, words }] };
  }
  const title = `The processor’s books were not compared for ${RECONCILED_WITHIN} days`;
  const late = line({
    ...{ key: 'reconciliation overdue', kind: 'reconciliation', title, since: at },
    next_step: `${IS_A_WORKER_RUNNING} “bursar reconcile” compares at once.`,
  });
  return { lines: [late], checks: [{ name, at, ok: false, words: 'Overdue.' }] };
}
