import { type Answer, done, failed, OPERATOR, type System, table } from '#cli/answer';
import { unknownOrganization } from '#cli/organization';
import type { Verbs } from '#cli/verbs';
import { recordAudit } from '#identity/audit';
import { parseId } from '#kernel/ids';
import {
  type Decided,
  decideRemedy,
  listMisdirected,
  MISFITS,
  type Misdirected,
  REMEDY_FAILURES,
  readRemedy,
} from '#payments/remedies';

const line = (payment: Misdirected) => ({
  id: payment.paymentIntentId,
  type: 'misdirected_payment' as const,
  organization_id: payment.organizationId,
  purchase_id: payment.purchaseId,
  /** In the smallest unit of its currency, which need not be USD. */
  received_minor_units: payment.receivedMinorUnits.toString(),
  currency: payment.currency,
  mismatches: payment.mismatches,
  found_at: payment.foundAt.toISOString(),
  remedy: payment.remedy,
  remedy_state: payment.remedyState,
  failure_code: payment.failureCode,
});

async function list(system: System): Promise<Answer> {
  const data = (await listMisdirected(system.pool)).map(line);
  const lines = data.map((p) => {
    const why = p.mismatches.map((fact) => MISFITS[fact] ?? fact).join('; ');
    const money = `${p.received_minor_units} ${p.currency} (smallest unit)`;
    const remedy = p.remedy === null ? '' : `\n  ${p.remedy}: ${p.remedy_state}`;
    return (
      `${table([[p.found_at, p.id, money, p.organization_id ?? 'nobody known']])}\n  ${why}` +
      `${remedy}${p.failure_code === null ? '' : ` (${p.failure_code})`}`
    );
  });
  const help =
    '\nbursar payment credit <payment> --reason T [--org ORG], or bursar payment refund <payment> --reason T';
  return done({ data }, lines.length === 0 ? 'No payment waits.' : `${lines.join('\n')}${help}`);
}

interface Options {
  readonly reason: string;
  readonly org?: string;
}

const decide =
  (kind: 'credit' | 'refund') =>
  async (system: System, paymentIntentId: string, options: Options): Promise<Answer> => {
    const { reason, org } = options;
    if (reason.trim() === '') return failed('reason_missing', '--reason says why, for the books.');
    if (org !== undefined) {
      const refusal = await unknownOrganization(system, org);
      if (refusal !== undefined) return refusal;
    }
    const organizationId = org === undefined ? undefined : parseId('organization', org);
    const to = organizationId === undefined ? {} : { organizationId };
    const decided = await system.pool.transaction(async (tx) => {
      const decision = { paymentIntentId, kind, reason, actor: OPERATOR, ...to };
      const told = await decideRemedy(tx, decision);
      if (told.outcome === 'requested') {
        const who = { organizationId: told.organizationId, actor: OPERATOR, requestId: null };
        const what = { action: `payment.${kind}` as const, subject: paymentIntentId, reason };
        await recordAudit(tx, { ...who, ...what });
      }
      return told;
    });
    if (decided.outcome !== 'requested') return refusal(decided, paymentIntentId);
    return carriedOut(system, paymentIntentId, kind);
  };

function refusal(decided: Exclude<Decided, { outcome: 'requested' }>, id: string): Answer {
  switch (decided.outcome) {
    case 'unknown_payment':
      return failed('payment_not_found', `No payment ${id} waits for a decision.`);
    case 'not_usd':
      return failed(
        'not_usd',
        `${id} is in ${decided.currency}; credit is in USD. It can be refunded.`,
      );
    case 'organization_missing':
      return failed('organization_missing', `${id} names no organization; say --org.`);
    case 'already_decided':
      return failed('already_decided', `${id} is being dealt with: ${decided.kind}.`);
  }
}

/** A worker carries it out; how often its end is looked for, and when. */
const LOOKS = 60;
const LOOK_MS = 250;

async function carriedOut(system: System, id: string, kind: 'credit' | 'refund'): Promise<Answer> {
  for (let look = 0; look < LOOKS; look++) {
    const remedy = await readRemedy(system.pool, id);
    if (remedy?.state === 'failed') {
      const code = remedy.failureCode ?? 'unknown';
      const why = REMEDY_FAILURES[code] ?? code;
      return failed('remedy_failed', `${id} could not be dealt with: ${why}.`);
    }
    if (remedy !== undefined && remedy.state !== 'requested') {
      const { state, purchaseId } = remedy;
      const words = kind === 'credit' ? `Credited as ${purchaseId}.` : `Refunded (${state}).`;
      return done({ id, kind, state, purchase_id: purchaseId }, `${id}: ${words}`);
    }
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
  const waits = `${id}: decided; a worker carries it out. See "bursar payment list".`;
  return done({ id, kind, state: 'requested', purchase_id: null }, waits);
}

export function addPaymentVerbs({ program, onSystem }: Verbs): void {
  const verb = program.command('payment').description('payments that fit no purchase');
  verb
    .command('list')
    .description('those that wait for a decision, and why they do not fit')
    .action(onSystem(list));
  verb
    .command('credit <payment>')
    .description('give its whole amount as credit')
    .option('--org <id>', 'to whom; the organization it names if absent')
    .requiredOption('--reason <text>', 'why, for the books')
    .action(onSystem(decide('credit')));
  verb
    .command('refund <payment>')
    .description('give it back to its card')
    .requiredOption('--reason <text>', 'why, for the books')
    .action(onSystem(decide('refund')));
}
