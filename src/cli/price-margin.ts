import type { Command } from 'commander';
import { type Answer, done, failed, type System, table } from '#cli/answer';
import { unknownOrganization } from '#cli/organization';
import { timeOption } from '#cli/time-option';
import type { Verbs } from '#cli/verbs';
import { formatUsd, nanos } from '#kernel/money';
import { type Margin, readMargins } from '#metering/margin';

interface MarginOptions {
  from: Date;
  until: Date;
  org?: string;
}

const marginJson = (margin: Margin) => ({
  model: margin.model,
  requests: margin.requests.toString(),
  list_usd: formatUsd(nanos(margin.list)),
  charged_usd: formatUsd(nanos(margin.charged)),
  overrun_usd: formatUsd(nanos(margin.overrun)),
  loss_usd: formatUsd(nanos(margin.loss)),
  upstream_usd: formatUsd(nanos(margin.upstream)),
  margin_usd: formatUsd(nanos(margin.charged - margin.upstream)),
  // Of these the upstream's price was not in the book: they are in no other figure.
  requests_without_cost: margin.requestsWithoutCost.toString(),
});

async function show(system: System, options: MarginOptions): Promise<Answer> {
  if (options.until <= options.from) {
    return failed('invalid_span', '--until must be after --from.');
  }
  if (options.org !== undefined) {
    const refusal = await unknownOrganization(system, options.org);
    if (refusal !== undefined) return refusal;
  }
  const data = (await readMargins(system.pool, options)).map(marginJson);
  const rows = data.map((m) => [
    ...[m.model, m.requests, m.list_usd, m.charged_usd, m.upstream_usd, m.margin_usd],
    m.requests_without_cost,
  ]);
  const head = ['model', 'requests', 'list', 'charged', 'upstream', 'margin', 'without cost'];
  const text = rows.length === 0 ? 'no request was charged then' : table([head, ...rows]);
  return done({ data }, text);
}

export function addMarginVerb({ onSystem }: Verbs, price: Command): void {
  price
    .command('margin')
    .description('by model: list price, charged, what the upstream cost, and the difference')
    .requiredOption('--from <time>', 'first settlement', timeOption)
    .requiredOption('--until <time>', 'no longer then', timeOption)
    .option('--org <id>', 'of one organization')
    .action(onSystem(show));
}
