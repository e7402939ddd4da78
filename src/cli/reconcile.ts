import { type Answer, failed, parseTime, type System } from '#cli/answer';
import type { Verbs } from '#cli/verbs';
import { DIFFERENCES, type Difference } from '#payments/differences';
import { reconcile } from '#payments/reconcile';
import { LOOK_BACK_DAYS, periodOf } from '#payments/reconcile-night';

interface Options {
  readonly from?: string;
  readonly to?: string;
}

const view = (difference: Difference) => ({
  kind: difference.kind,
  reference: difference.reference,
  organization_id: difference.organizationId,
  purchase_id: difference.purchaseId,
  detail: difference.detail,
  happened_at: difference.happenedAt.toISOString(),
});

async function run(system: System, options: Options): Promise<Answer> {
  const range: { from?: Date; to?: Date } = {};
  for (const end of ['from', 'to'] as const) {
    const text = options[end];
    if (text === undefined) continue;
    const time = parseTime(text);
    if (time === undefined) {
      const message = `--${end} "${text}" is not a time such as 2026-11-21T13:00:00Z.`;
      return failed('invalid_time', message);
    }
    range[end] = time;
  }
  if (range.from !== undefined && range.to !== undefined && range.from > range.to) {
    return failed('invalid_range', `--from ${options.from} is after --to ${options.to}.`);
  }
  const payments = await system.payments();
  const result = await reconcile(payments, { ...(await periodOf(payments)), ...range });
  if (result.outcome === 'processor_unavailable') {
    const message = 'The card processor does not answer: nothing was compared. Try again.';
    return failed('processor_unavailable', message);
  }
  const { differences, healed, movements } = result;
  const ok = differences.length === 0;
  const lines = differences.map(
    ({ kind, reference, organizationId, detail }) =>
      `${kind}  ${reference}  ${organizationId ?? '-'}  ${detail}\n    ${DIFFERENCES[kind]}`,
  );
  const count = `${movements} movements compared, ${healed} payments credited now`;
  return {
    outcome: 'done',
    json: { ok, differences: differences.map(view), healed, movements },
    text: [...lines, ok ? `${count}; no difference` : count].join('\n'),
    exitCode: ok ? 0 : 1,
  };
}

export function addReconcileVerb({ program, onSystem }: Verbs): void {
  program
    .command('reconcile')
    .description('compare the card processor with purchases and ledger; exit 1 on a difference')
    .option('--from <time>', `movements from this instant on; else of ${LOOK_BACK_DAYS} days`)
    .option('--to <time>', 'movements before this instant')
    .action(onSystem(run));
}
