import { type Batch, findAnyBatch, itemRequestId, newestBatches } from '#batches/records';
import { type Answer, done, failed, type System, table } from '#cli/answer';
import { unknownOrganization } from '#cli/organization';
import type { Verbs } from '#cli/verbs';
import { parseId } from '#kernel/ids';
import { formatUsd } from '#kernel/money';
import { sumHolds } from '#ledger/hold-sums';

interface ListOptions {
  readonly org: string;
  readonly limit: string;
}

const LIMIT_MAX = 1_000;

const batchJson = (batch: Batch) => ({
  id: batch.id,
  workspace_id: batch.workspaceId,
  api_key_id: batch.apiKeyId,
  state: batch.state,
  items: batch.items,
  request_counts: batch.counts,
  /** Null for one that the release before has made: at the first upstream. */
  upstream: batch.upstream,
  upstream_id: batch.upstreamId,
  created_at: (batch.createdAt ?? batch.admittedAt).toISOString(),
  ended_at: batch.endedAt?.toISOString() ?? null,
});

const countsText = ({ counts }: Batch): string =>
  Object.entries(counts)
    .filter(([, count]) => count > 0)
    .map(([name, count]) => `${count} ${name}`)
    .join(', ');

const itemsText = (items: number): string => (items === 1 ? '1 item' : `${items} items`);

async function list(system: System, options: ListOptions): Promise<Answer> {
  const refusal = await unknownOrganization(system, options.org);
  const organizationId = parseId('organization', options.org);
  if (refusal !== undefined || organizationId === undefined) {
    return refusal ?? failed('organization_not_found', `There is no organization ${options.org}.`);
  }
  const limit = /^\d{1,4}$/.test(options.limit) ? Number.parseInt(options.limit, 10) : 0;
  if (limit < 1 || limit > LIMIT_MAX) {
    return failed('invalid_limit', `--limit is 1 to ${LIMIT_MAX}, not "${options.limit}".`);
  }
  const batches = await newestBatches(system.pool, organizationId, limit);
  const rows = batches.map((batch) => {
    const { id, state, items, upstream, created_at } = batchJson(batch);
    return [id, state, itemsText(items), countsText(batch), upstream ?? '', created_at];
  });
  return done({ data: batches.map(batchJson) }, rows.length === 0 ? 'No batches.' : table(rows));
}

async function show(system: System, text: string): Promise<Answer> {
  const id = parseId('batch', text);
  if (id === undefined) return failed('bad_batch_id', `${text} is not a batch id (msgbatch_…).`);
  const batch = await findAnyBatch(system.pool, id);
  if (batch === undefined) return failed('batch_not_found', `There is no batch ${id}.`);
  const requests = Array.from({ length: batch.items }, (_, number) => itemRequestId(id, number));
  const { held, charged } = await sumHolds(system.pool, batch.organizationId, requests);
  const json = {
    organization_id: batch.organizationId,
    ...batchJson(batch),
    held_usd: formatUsd(held),
    charged_usd: formatUsd(charged),
    results_ended_at: batch.resultsEndedAt?.toISOString() ?? null,
  };
  const rows = [
    ['organization', `${json.organization_id}, ${json.workspace_id}, ${json.api_key_id}`],
    ['state', json.state],
    ['items', `${json.items}: ${countsText(batch)}`],
    ['held', `$${json.held_usd}`],
    ['charged', `$${json.charged_usd}`],
    ['upstream', `${json.upstream ?? 'the first'}, there ${json.upstream_id ?? 'unknown'}`],
    ['created', json.created_at],
    ['ended', json.ended_at ?? 'not yet'],
  ];
  return done(json, table(rows));
}

export function addBatchVerbs({ program, onSystem }: Verbs): void {
  const batch = program.command('batch').description('message batches');
  batch
    .command('list')
    .description('those of an organization, newest first, in every state')
    .requiredOption('--org <id>', 'whose')
    .option('--limit <count>', 'how many at most', '50')
    .action(onSystem(list));
  batch
    .command('show <id>')
    .description('how one stands, what it holds and what it was charged')
    .action(onSystem(show));
}
