import { readDeployment } from '#db/deployment';
import { organizationsOf } from '#orgs/search';
import type { ConsoleDeps } from '../deps.ts';
import { ATTENTION_KINDS, type Overview } from './contract.ts';
import { paymentLines } from './payment-lines.ts';
import { systemLines } from './system-lines.ts';

/** What needs a person now, by what is most pressing, and what was looked at to know it. */
export async function readOverview(deps: ConsoleDeps): Promise<Overview> {
  const { now } = await readDeployment(deps.pool);
  const [system, payments] = await Promise.all([systemLines(deps, now), paymentLines(deps)]);
  const lines = [...system.lines, ...payments];
  const named = lines.flatMap(({ organizationId: id }) => (id === null ? [] : [id]));
  const organizations = await organizationsOf(deps.pool, named);
  const order = new Map(ATTENTION_KINDS.map((kind, at) => [kind, at]));
  const attention = lines.map(({ organizationId: id, ...line }) => ({
    ...line,
    // One that is named and is not here is shown by its id: that it is missing says something.
    organization: id === null ? null : { id, name: organizations.get(id)?.name ?? id },
  }));
  attention.sort((one, other) => (order.get(one.kind) ?? 0) - (order.get(other.kind) ?? 0));
  return {
    checked_at: now.toISOString(),
    attention,
    checks: [...system.checks],
  };
}
