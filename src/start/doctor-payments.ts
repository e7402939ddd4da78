import type { Pool } from '#db/pool';
import { formatUsd } from '#kernel/money';
import { ALARMS, readAlarms } from '#payments/alarms';
import { openDifferences } from '#payments/differences';
import { lastReconciliation, OVERDUE_DAYS } from '#payments/reconcile-night';
import { unansweredRefunds } from '#payments/refunds';
import type { Config } from '#src/config';
import type { Check } from '#src/start/doctor';
import { usesStripeSim } from '#src/start/supplies';

/** What an operator is told of payments, from what is in the database now. */
export async function paymentChecks(pool: Pool, config: Config): Promise<Check[]> {
  return [
    await differences(pool),
    await reconciled(pool),
    await alarms(pool, config),
    await refunds(pool),
  ];
}

/** The bank sent them back, or the processor refused: someone waits for money that is not coming. */
async function refunds(pool: Pool): Promise<Check> {
  const failed = await unansweredRefunds(pool);
  const told = failed.map(({ id, total, purchaseId, failureCode }) => {
    const why = failureCode === null ? '' : `, ${failureCode}`;
    return `${id} ($${formatUsd(total)} of ${purchaseId}${why})`;
  });
  const detail = `${told.length}, whose credit is back; refund anew: ${told.join(', ')}`;
  return {
    name: 'failed refunds',
    ok: told.length === 0,
    detail: told.length === 0 ? 'none' : detail,
  };
}

async function differences(pool: Pool): Promise<Check> {
  const open = await openDifferences(pool);
  const told = open.map(({ kind, reference, detail }) => `${kind} ${reference} (${detail})`);
  const detail = told.length === 0 ? 'none' : `${told.length}: ${told.join(', ')}`;
  return { name: 'processor against books', ok: open.length === 0, detail };
}

/** A job that does not run any more must not look like one that finds nothing. */
async function reconciled(pool: Pool): Promise<Check> {
  const { doneAt, overdue } = await lastReconciliation(pool, OVERDUE_DAYS);
  const last = doneAt === null ? 'none yet; a worker does it nightly' : doneAt.toISOString();
  const detail = overdue ? `${last}; none for ${OVERDUE_DAYS} days: does a worker run?` : last;
  return { name: 'last reconciliation', ok: !overdue, detail };
}

async function alarms(pool: Pool, config: Config): Promise<Check> {
  const webhooks = usesStripeSim(config) || config.stripe.webhookSecret !== undefined;
  const raised = await readAlarms(pool, { environment: null, webhooks });
  const told = raised.map(({ name, detail }) => `${ALARMS[name]}: ${detail}`);
  const fine = webhooks ? 'no alarm' : 'no alarm; webhooks are not configured';
  return {
    name: 'payment alarms',
    ok: raised.length === 0,
    detail: raised.length === 0 ? fine : told.join('; '),
  };
}
