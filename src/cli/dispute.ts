import { type Answer, done, failed, OPERATOR, type System, table } from '#cli/answer';
import type { Verbs } from '#cli/verbs';
import { recordAudit } from '#identity/audit';
import { OPEN_DISPUTE_STATES } from '#payments/dispute';
import { listDisputes } from '#payments/disputes';
import { disputeLine } from '#payments/money-back-view';
import { resumeAfterLoss, resumeAfterWarning } from '#payments/reload-pauses';
import { listWarnings, warningAdvice } from '#payments/warnings';

const LISTED = 100;

async function disputes(system: System, options: { open?: boolean }): Promise<Answer> {
  const states = options.open === true ? { states: OPEN_DISPUTE_STATES } : {};
  const data = (await listDisputes(system.pool, { ...states, limit: LISTED })).map(disputeLine);
  const rows = data.map((d) => [
    ...[d.opened_at, d.id, d.purchase_id, `$${d.amount_usd}`, d.state],
    ...[`frozen $${d.frozen_usd}`, `owed $${d.owed_usd}`, `fee $${d.fee_usd}`],
    d.respond_by === null ? '' : `answer by ${d.respond_by}`,
  ]);
  return done({ data }, rows.length === 0 ? 'No disputes.' : table(rows));
}

async function resume(system: System, id: string, options: { reason: string }): Promise<Answer> {
  const { reason } = options;
  const told = await system.pool.transaction(async (tx) => {
    const resumed = await resumeAfterLoss(tx, id);
    if (resumed.outcome === 'resumed') {
      const who = { organizationId: resumed.organizationId, actor: OPERATOR, requestId: null };
      await recordAudit(tx, { ...who, action: 'dispute.resume', subject: id, reason });
    }
    return resumed;
  });
  switch (told.outcome) {
    case 'resumed': {
      const text = `Auto-reload of ${told.organizationId} is no longer paused because of ${id}.`;
      return done({ id, organization_id: told.organizationId, resumed: true }, text);
    }
    case 'unknown_dispute':
      return failed('dispute_not_found', `There is no dispute ${id}.`);
    case 'not_lost':
      return failed('dispute_not_lost', `${id} is not lost; the pause ends when it is won.`);
    case 'not_paused':
      return failed('not_paused', `${id} pauses nothing: it was resumed before.`);
  }
}

async function warnings(system: System): Promise<Answer> {
  const found = await listWarnings(system.pool, LISTED);
  const data = found.map((warning) => ({
    id: warning.id,
    type: 'early_fraud_warning' as const,
    organization_id: warning.organizationId,
    purchase_id: warning.purchaseId,
    fraud_type: warning.fraudType,
    actionable: warning.actionable,
    warned_at: warning.warnedAt.toISOString(),
    advice: warningAdvice(warning),
  }));
  const lines = data.map((w) => `${w.warned_at}  ${w.purchase_id}  ${w.fraud_type}\n  ${w.advice}`);
  return done({ data }, lines.length === 0 ? 'No early fraud warnings.' : lines.join('\n'));
}

async function trust(system: System, id: string, options: { reason: string }): Promise<Answer> {
  const { reason } = options;
  const told = await system.pool.transaction(async (tx) => {
    const resumed = await resumeAfterWarning(tx, id);
    if (resumed.outcome === 'resumed') {
      const who = { organizationId: resumed.organizationId, actor: OPERATOR, requestId: null };
      await recordAudit(tx, { ...who, action: 'warning.resume', subject: id, reason });
    }
    return resumed;
  });
  switch (told.outcome) {
    case 'resumed': {
      const text = `Auto-reload of ${told.organizationId} is no longer paused because of ${id}.`;
      return done({ id, organization_id: told.organizationId, resumed: true }, text);
    }
    case 'unknown_warning':
      return failed('warning_not_found', `There is no early fraud warning ${id}.`);
    case 'not_paused':
      return failed('not_paused', `${id} pauses nothing: it was resumed before.`);
  }
}

export function addDisputeVerbs({ program, onSystem }: Verbs): void {
  const dispute = program.command('dispute').description("payments that a card's bank questions");
  dispute
    .command('list')
    .description('what banks dispute, what it froze and what it cost')
    .option('--open', 'only the undecided ones')
    .action(onSystem(disputes));
  dispute
    .command('resume <dispute>')
    .description('let auto-reload go on, which a lost dispute keeps paused')
    .requiredOption('--reason <text>', 'why, for the audit trail')
    .action(onSystem(resume));
  const warning = program
    .command('warning')
    .description('suspicions of fraud that banks report before they dispute');
  warning.command('list').description('each with what to do about it').action(onSystem(warnings));
  warning
    .command('resume <warning>')
    .description('let auto-reload go on, which a warning keeps paused, also after a refund')
    .requiredOption('--reason <text>', 'why, for the audit trail')
    .action(onSystem(trust));
}
