import { InvalidArgumentError } from 'commander';
import { type Answer, done, OPERATOR, type System, table } from '#cli/answer';
import { unknownOrganization } from '#cli/organization';
import type { Verbs } from '#cli/verbs';
import { formatUsd } from '#kernel/money';
import { type Anomaly, listAnomalies } from '#spend-watch/anomalies';
import {
  parseWatchAction,
  readWatchPolicy,
  setWatchPolicy,
  WATCH_ACTIONS,
  type WatchAction,
} from '#spend-watch/policy';
import { WINDOWS } from '#spend-watch/unusual';

const SHOWN = 100;

function action(text: string): WatchAction {
  const known = parseWatchAction(text);
  if (known === undefined) throw new InvalidArgumentError(`Use ${WATCH_ACTIONS.join(', ')}.`);
  return known;
}

const anomalyJson = (one: Anomaly) => ({
  id: one.id,
  level: one.level,
  subject_id: one.subjectId,
  state: one.state,
  window_minutes: WINDOWS[one.window].minutes,
  spent_usd: formatUsd(one.spent),
  usual_usd: formatUsd(one.usual),
  allowed_usd: formatUsd(one.allowed),
  opened_at: one.openedAt.toISOString(),
  paused_at: one.pausedAt?.toISOString() ?? null,
  ended_at: one.endedAt?.toISOString() ?? null,
  ended_by: one.endedBy,
});

async function show(system: System, { org }: { org: string }): Promise<Answer> {
  const refusal = await unknownOrganization(system, org);
  if (refusal !== undefined) return refusal;
  const policy = await readWatchPolicy(system.pool, org);
  const anomalies = await listAnomalies(system.pool, org, SHOWN);
  const set = policy.set === null ? 'by default' : `set by ${policy.set.by}`;
  const rows = anomalies.map((one) => [
    ...[one.openedAt.toISOString(), one.subjectId],
    `$${formatUsd(one.spent)} in ${WINDOWS[one.window].minutes} min`,
    `most before $${formatUsd(one.usual)}`,
    one.state === 'open' && one.pausedAt !== null ? 'paused' : one.state,
    one.endedBy === null ? '' : `by ${one.endedBy}`,
  ]);
  const json = {
    action: policy.action,
    set_by: policy.set?.by ?? null,
    set_at: policy.set?.at.toISOString() ?? null,
    anomalies: anomalies.map(anomalyJson),
  };
  const found = rows.length === 0 ? 'Nothing unusual was found.' : table(rows);
  return done(json, `unusual spending: ${policy.action}, ${set}\n${found}`);
}

interface SetOptions {
  org: string;
  action: WatchAction;
}

async function set(system: System, options: SetOptions): Promise<Answer> {
  const refusal = await unknownOrganization(system, options.org);
  if (refusal !== undefined) return refusal;
  await system.pool.transaction((tx) =>
    setWatchPolicy(tx, {
      ...{ organizationId: options.org, action: options.action, by: OPERATOR, requestId: null },
    }),
  );
  return await show(system, options);
}

export function addSpendWatchVerbs({ program, onSystem }: Verbs): void {
  const watch = program
    .command('spend-watch')
    .description('keys that spend far faster than they are used to; see also key resume');
  watch
    .command('show')
    .description('what unusual spending leads to, and what was found')
    .requiredOption('--org <id>', 'whose')
    .action(onSystem(show));
  watch
    .command('set')
    .description('say what unusual spending leads to')
    .requiredOption('--org <id>', 'whose')
    .requiredOption('--action <action>', WATCH_ACTIONS.join(', '), action)
    .action(onSystem(set));
}
