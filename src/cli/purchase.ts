import { type Answer, done, failed, type System, table } from '#cli/answer';
import type { Verbs } from '#cli/verbs';
import { viewPurchase } from '#payments/purchase-view';
import { readPurchase } from '#payments/purchases';

async function show(system: System, id: string): Promise<Answer> {
  const purchase = await readPurchase(system.pool, id);
  if (purchase === undefined) return failed('purchase_not_found', `There is no purchase ${id}.`);
  const view = await viewPurchase(system.pool, purchase);
  const rows = view.timeline.map(({ at, state, detail }) => [at, state, detail ?? '']);
  const failure = view.failure === null ? '' : `\n${view.failure.title}: ${view.failure.message}`;
  return done(view, `${view.id}  $${view.amount_usd}  ${view.state}${failure}\n${table(rows)}`);
}

export function addPurchaseVerbs({ program, onSystem }: Verbs): void {
  program
    .command('purchase')
    .description('credit purchases')
    .command('show <id>')
    .description('where one stands and how it got there')
    .action(onSystem(show));
}
