import { type Answer, done, failed, OPERATOR, type System, table } from '#cli/answer';
import type { Verbs } from '#cli/verbs';
import { recordAudit } from '#identity/audit';
import { formatUsd, type NanoUsd, parseUsd } from '#kernel/money';
import { refundLine, viewRefund } from '#payments/money-back-view';
import { REFUND_STATES, type RefundState } from '#payments/refund';
import {
  listRefunds,
  type Refund,
  type RefundAsked,
  readRefund,
  requestRefund,
} from '#payments/refunds';

interface RefundOptions {
  readonly purchase: string;
  readonly usd?: string;
  readonly reason: string;
}

/** A worker carries the refund to the processor; how often its answer is looked for, and when. */
const LOOKS = 60;
const LOOK_MS = 250;

const ALL = 'all' as const;

async function refund(system: System, options: RefundOptions): Promise<Answer> {
  const amount = options.usd === undefined ? ALL : parseUsd(options.usd);
  if (amount === undefined || (amount !== 'all' && amount <= 0n)) {
    return failed('invalid_amount', `--usd "${options.usd}" is not an amount such as 5 or 2.50.`);
  }
  const { purchase: purchaseId, reason } = options;
  if (reason.trim() === '') return failed('reason_missing', '--reason says why, for the books.');
  const asked = await system.pool.transaction(async (tx) => {
    const wish = { purchaseId, amount, reason, actor: OPERATOR };
    const told = await requestRefund(tx, system.entropy, wish);
    if (told.outcome === 'requested') {
      const { organizationId, id } = told.refund;
      const who = { organizationId, actor: OPERATOR, subject: id, requestId: null };
      await recordAudit(tx, { ...who, action: 'refund.request', reason });
    }
    return told;
  });
  if (asked.outcome !== 'requested') return refusal(asked, purchaseId);
  return shown(system, await answered(system, asked.refund));
}

const dollars = (amount: NanoUsd): string => `$${formatUsd(amount)}`;

function refusal(asked: Exclude<RefundAsked, { outcome: 'requested' }>, id: string): Answer {
  switch (asked.outcome) {
    case 'unknown_purchase':
      return failed('purchase_not_found', `There is no purchase ${id}.`);
    case 'not_credited':
      return failed(
        'not_credited',
        `${id} is ${asked.state}: it brought no credit. ` +
          (asked.state === 'quarantined'
            ? 'See "bursar payment list" for what can be done.'
            : 'There is nothing to refund.'),
      );
    case 'nothing_unspent':
      return failed(asked.outcome, `Nothing of ${id} is unspent that could be refunded.`);
    case 'exceeds_unspent':
      return failed(
        asked.outcome,
        `Only ${dollars(asked.refundable)} of ${id} are unspent; ask for that at most.`,
      );
    case 'not_cents':
      return failed(
        asked.outcome,
        `Cards take whole cents; the nearest possible is ${dollars(asked.nearest)}.`,
      );
    case 'disputed':
      return failed(
        asked.outcome,
        `The bank disputes this payment (${asked.dispute}): it cannot be refunded as well. ` +
          'Answer the dispute, or accept it, at the payment processor.',
      );
    case 'changed_since':
      return failed(asked.outcome, `Refunds of ${id} were made meanwhile.`);
    case 'expired':
      return failed(asked.outcome, `The credit of ${id} has expired.`);
  }
}

async function answered(system: System, asked: Refund): Promise<Refund> {
  for (let look = 0; look < LOOKS; look++) {
    const now = await readRefund(system.pool, asked.id);
    if (now !== undefined && now.state !== 'requested') return now;
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
  return asked;
}

const BAD_NEWS: readonly RefundState[] = ['failed', 'refused', 'already_refunded', 'disputed'];

async function shown(system: System, refund: Refund): Promise<Answer> {
  const view = await viewRefund(system.pool, refund);
  const last = view.timeline.at(-1)?.detail ?? '';
  if (BAD_NEWS.includes(refund.state)) {
    const code = refund.failureCode === null ? '' : ` (${refund.failureCode})`;
    return failed(`refund_${refund.state}`, `${refund.id}: ${last}${code}`);
  }
  const waits =
    refund.state === 'requested'
      ? `\nThe processor has not answered yet. A worker asks on; see "bursar refund show ${refund.id}".`
      : '';
  return done(view, `${refund.id}: ${last}${waits}`);
}

async function show(system: System, id: string): Promise<Answer> {
  const refund = await readRefund(system.pool, id);
  if (refund === undefined) return failed('refund_not_found', `There is no refund ${id}.`);
  const view = await viewRefund(system.pool, refund);
  const rows = view.timeline.map(({ at, state, detail }) => [at, state, detail]);
  const head = `${view.id}  ${dollars(refund.total)}  ${view.state}  of ${view.purchase_id}`;
  return done(view, `${head}\n${view.reason}\n${table(rows)}`);
}

const LISTED = 100;

async function list(system: System, options: { state?: string }): Promise<Answer> {
  const states = REFUND_STATES.filter((s) => options.state === undefined || s === options.state);
  if (states.length === 0) {
    return failed('invalid_state', `--state is one of ${REFUND_STATES.join(', ')}.`);
  }
  const refunds = await listRefunds(system.pool, { states, limit: LISTED });
  const data = refunds.map(refundLine);
  const rows = data.map((r) => [r.created_at, r.id, r.purchase_id, `$${r.total_usd}`, r.state]);
  return done({ data }, rows.length === 0 ? 'No refunds.' : table(rows));
}

export function addRefundVerbs({ program, onSystem }: Verbs): void {
  const verb = program.command('refund').description('give money of a purchase back to its card');
  verb
    // The default: `bursar refund --purchase …` refunds.
    .command('make', { isDefault: true })
    .description('refund what is unspent of a purchase, or some of it, with its share of the tax')
    .requiredOption('--purchase <id>', 'which')
    .option('--usd <amount>', 'credit before tax; everything unspent if absent')
    .requiredOption('--reason <text>', 'why, for the books')
    .action(onSystem(refund));
  verb
    .command('show <id>')
    .description('where one stands and how it got there')
    .action(onSystem(show));
  verb
    .command('list')
    .description('the newest refunds of all organizations')
    .option('--state <state>', `one of ${REFUND_STATES.join(', ')}`)
    .action(onSystem(list));
}
