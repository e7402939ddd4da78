import { type Answer, done, failed, OPERATOR, parseTime, type System } from '#cli/answer';
import { unknownOrganization } from '#cli/organization';
import type { Verbs } from '#cli/verbs';
import { readDeployment } from '#db/deployment';
import { recordAudit } from '#identity/audit';
import { newId, parseId } from '#kernel/ids';
import { formatUsd, type NanoUsd, parseUsd } from '#kernel/money';
import { GRANT_MOST, type GrantRefusal, issueIfRoom } from '#ledger/grants';
import { voidGrant } from '#ledger/voiding';

interface GrantOptions {
  org: string;
  usd: string;
  kind: string;
  expires?: string;
  reason?: string;
}

/** More digits than an amount has. */
const TOO_LONG = /^0*[1-9]\d{9,}(\.\d{1,9})?$/;

/** The largest grant has a digit more than other amounts may have. */
function readAmount(text: string): NanoUsd | Answer {
  if (text === formatUsd(GRANT_MOST)) return GRANT_MOST;
  if (TOO_LONG.test(text)) return refused({ outcome: 'amount_out_of_range', most: GRANT_MOST });
  const amount = parseUsd(text);
  if (amount !== undefined && amount > 0n) return amount;
  return failed('invalid_amount', `--usd "${text}" is not an amount above 0 such as 5 or 2.50.`);
}

async function grant(system: System, options: GrantOptions): Promise<Answer> {
  const amount = readAmount(options.usd);
  if (typeof amount !== 'bigint') return amount;
  const kind = (['promotional', 'adjustment'] as const).find((each) => each === options.kind);
  if (kind === undefined) {
    return failed(
      'invalid_kind',
      `--kind is promotional or adjustment, not "${options.kind}"; purchases are paid for.`,
    );
  }
  const expiresAt = options.expires === undefined ? undefined : parseTime(options.expires);
  if (options.expires !== undefined) {
    if (expiresAt === undefined) {
      return failed(
        'invalid_time',
        `--expires "${options.expires}" is not a time such as 2030-01-31.`,
      );
    }
    const { now } = await readDeployment(system.pool);
    if (expiresAt <= now) {
      const sentence = `--expires ${options.expires} is past: the grant would be expired at once.`;
      return failed('already_expired', sentence);
    }
  }
  const organizationId = parseId('organization', options.org);
  const refusal = await unknownOrganization(system, options.org);
  if (refusal !== undefined || organizationId === undefined) {
    return refusal ?? failed('organization_not_found', `There is no organization ${options.org}.`);
  }
  const grantId = newId('grant', system.entropy);
  const why = options.reason === undefined ? {} : { reason: options.reason };
  const until = expiresAt === undefined ? {} : { expiresAt };
  const request = { organizationId, grantId, kind, amount, source: grantId, ...until, ...why };
  const issued = await system.pool.transaction(async (tx) => {
    const told = await issueIfRoom(tx, request);
    if (told.outcome === 'issued') {
      const who = { organizationId, actor: OPERATOR, subject: grantId, requestId: null };
      await recordAudit(tx, { ...who, action: 'grant.issue', ...why });
    }
    return told;
  });
  if (issued.outcome === 'amount_out_of_range' || issued.outcome === 'balance_too_large') {
    return refused(issued);
  }
  const expires = issued.expiresAt.toISOString();
  const json = { id: issued.grantId, amount_usd: formatUsd(amount), expires_at: expires };
  return done(json, `Granted $${json.amount_usd} until ${expires} (${json.id}).`);
}

function refused(refusal: GrantRefusal): Answer {
  if (refusal.outcome === 'amount_out_of_range') {
    const most = formatUsd(refusal.most);
    return failed(refusal.outcome, `--usd is too much: one grant is at most $${most}.`);
  }
  const room = formatUsd(refusal.room);
  return failed(refusal.outcome, `There is room for $${room} more in this organization's credit.`);
}

interface VoidOptions {
  org: string;
  reason: string;
}

const NOT_VOIDED = {
  already_voided: 'This grant was voided before.',
  nothing_left: 'This grant was spent before; there is nothing to take back.',
  expired: 'This grant has expired; there is nothing to take back.',
  is_a_purchase: 'Somebody paid for this grant: refund it instead.',
} as const;

async function voidOne(system: System, id: string, options: VoidOptions): Promise<Answer> {
  const unknown = failed('grant_not_found', `${options.org} has no grant ${id}.`);
  const organizationId = parseId('organization', options.org);
  const grantId = parseId('grant', id);
  if (organizationId === undefined || grantId === undefined) return unknown;
  const { reason } = options;
  const told = await system.pool.transaction(async (tx) => {
    const outcome = await voidGrant(tx, { organizationId, grantId, reason });
    if (outcome.outcome === 'voided') {
      const who = { organizationId, actor: OPERATOR, subject: grantId, requestId: null };
      await recordAudit(tx, { ...who, action: 'grant.void', reason });
    }
    return outcome;
  });
  if (told.outcome === 'unknown_grant') return unknown;
  if (told.outcome !== 'voided') return failed(told.outcome, NOT_VOIDED[told.outcome]);
  const json = {
    id: grantId,
    voided_usd: formatUsd(told.amount),
    promised_usd: formatUsd(told.promised),
  };
  const rest =
    told.promised === 0n ? '' : ` Requests under way may still use $${json.promised_usd}.`;
  return done(json, `Took back $${json.voided_usd} of ${grantId} (${reason}).${rest}`);
}

export function addGrantVerb({ program, onSystem }: Verbs): void {
  const verb = program
    .command('grant')
    .description('give an organization credit that nobody paid for, or take it back');
  verb
    // The default: `bursar grant --org …` gives.
    .command('give', { isDefault: true })
    .description('give an organization credit that nobody paid for')
    .requiredOption('--org <id>', 'who gets it')
    .requiredOption('--usd <amount>', 'how much, up to nine decimals')
    .option('--kind <kind>', 'promotional or adjustment', 'promotional')
    .option('--expires <time>', 'default: one year from now')
    .option('--reason <text>', 'why, for the books')
    .action(onSystem(grant));
  verb
    .command('void <id>')
    .description('take back what is unspent of credit given by mistake')
    .requiredOption('--org <id>', 'who has it')
    .requiredOption('--reason <text>', 'why, for the books')
    .action(onSystem(voidOne));
}
