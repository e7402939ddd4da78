import { type Receipt, type ReceiptLine, readReceipt } from '#charging/receipt';
import { type Answer, done, failed, type System, table } from '#cli/answer';
import type { Verbs } from '#cli/verbs';
import { parseId } from '#kernel/ids';
import { formatUsd } from '#kernel/money';
import type { UpstreamAttempt } from '#metering/upstream-attempts';

async function show(system: System, text: string): Promise<Answer> {
  const id = parseId('request', text);
  if (id === undefined) return failed('bad_request_id', `${text} is not a request id (req_…).`);
  const read = await readReceipt(system.pool, system.book, id);
  if (read.outcome === 'not_found') {
    return failed(
      'request_not_found',
      `No request ${id} has been settled. It may still be running; and an error that came from the ` +
        'model names its own id in the body, ours is in the header request-id.',
    );
  }
  const { receipt, upstreamAttempts } = read;
  const json = { ...receipt, upstream_attempts: upstreamAttempts.map(wireAttempt) };
  return done(json, [receiptText(receipt), ...attemptsText(upstreamAttempts)].join('\n'));
}

const wireAttempt = ({ upstream, outcome, status, elapsedMs, cost }: UpstreamAttempt) => ({
  upstream,
  outcome,
  status,
  elapsed_ms: elapsedMs,
  /** Null where only the upstream's invoice tells (F47). */
  cost_usd: cost === null ? null : formatUsd(cost),
});

/** Where more than one upstream was asked; of a single one there is nothing to explain. */
export const attemptsText = (attempts: readonly UpstreamAttempt[]): string[] =>
  attempts.length < 2
    ? []
    : attempts.map(({ upstream, outcome, status, elapsedMs, cost }) => {
        const paid = cost === null ? 'cost unknown' : `cost $${formatUsd(cost)}`;
        const said = status === null ? outcome : `${outcome} ${status}`;
        return `upstream ${upstream}  ${said}  ${elapsedMs} ms  ${paid}`;
      });

/** A line says all that its amount follows from: whose price, and what multiplied it. */
export function receiptText(receipt: Receipt): string {
  const { id, model, outcome, charged_usd, hold_usd, lines } = receipt;
  const head = `${id}  ${model}  ${outcome}  charged $${charged_usd}  held $${hold_usd}`;
  const rows = lines.map((line) => [
    ...[line.kind, line.model ?? '', line.units === '0' ? '' : line.units, priceOf(line)],
    ...[line.multipliers.join(', '), line.amount_usd],
  ]);
  return [head, ...(rows.length === 0 ? [] : [table(rows)])].join('\n');
}

const PER: Readonly<Record<string, string>> = { '1000000': 'M', '3600': 'h', '3600000': 'h' };

/** "$3/M" for a million tokens, "$0.05/h" for an hour; what has no units has no price. */
const priceOf = (line: ReceiptLine): string =>
  line.units === '0' ? '' : `$${line.unit_price_usd}/${PER[line.per] ?? line.per}`;

export function addRequestVerbs({ program, onSystem }: Verbs): void {
  program
    .command('request')
    .description('requests')
    .command('show <id>')
    .description('what one was charged and why')
    .action(onSystem(show));
}
