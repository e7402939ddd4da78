import { readReceipt } from '#charging/receipt';
import { type Answer, done, failed, type System, table } from '#cli/answer';
import type { Verbs } from '#cli/verbs';
import { parseId } from '#kernel/ids';

async function show(system: System, text: string): Promise<Answer> {
  const id = parseId('request', text);
  if (id === undefined) return failed('bad_request_id', `${text} is not a request id (req_…).`);
  const read = await readReceipt(system.pool, system.book, id);
  if (read.outcome === 'not_found') {
    return failed(
      'request_not_found',
      `No request ${id} has been settled. It may still be running.`,
    );
  }
  const { receipt } = read;
  const head = `${id}  ${receipt.model}  ${receipt.outcome}  charged $${receipt.charged_usd}`;
  const rows = receipt.lines.map((l) => [l.kind, l.units, `$${l.unit_price_usd}/M`, l.amount_usd]);
  return done(receipt, `${head}  held $${receipt.hold_usd}\n${table(rows)}`);
}

export function addRequestVerbs({ program, onSystem }: Verbs): void {
  program
    .command('request')
    .description('requests')
    .command('show <id>')
    .description('what one was charged and why')
    .action(onSystem(show));
}
