import * as z from 'zod/mini';
import { parseId } from '#kernel/ids';
import { formatUsd } from '#kernel/money';
import { listApiKeys } from '#orgs/api-keys';
import { emailsOf } from '#orgs/members';
import { readOrganization } from '#orgs/organizations';
import { type Anomaly, listAnomalies } from '#spend-watch/anomalies';
import { acknowledge } from '#spend-watch/answers';
import { readWatchPolicy, setWatchPolicy } from '#spend-watch/policy';
import { WINDOWS } from '#spend-watch/unusual';
import { done } from '../contract.ts';
import type { Api, ConsoleDeps } from '../deps.ts';
import { refuse } from '../refusals.ts';
import { memberOf, withAbility } from '../viewer.ts';
import {
  type Anomaly as AnomalyView,
  type WatchResponse,
  watchRequest,
  watchResponse,
} from '../watch/contract.ts';

/** Enough to see what happened lately; the open ones are always among them. */
const SHOWN = 20;

/** Unusual spending: what is to be done about it, what was found, and what a person says to it. */
export function spendWatchRoutes(app: Api, deps: ConsoleDeps): void {
  app.get(
    '/spend-watch',
    {
      onRequest: withAbility(deps, 'usage.view'),
      schema: { response: { 200: watchResponse } },
    },
    async (request) => watchView(deps, memberOf(request).organizationId),
  );

  app.post(
    '/spend-watch',
    {
      onRequest: withAbility(deps, 'limits.manage'),
      schema: { body: watchRequest, response: { 200: done } },
    },
    async (request) => {
      const { userId: by, organizationId } = memberOf(request);
      const { action } = request.body;
      await deps.pool.transaction((tx) =>
        setWatchPolicy(tx, { organizationId, action, by, requestId: request.id }),
      );
      return { ok: true as const };
    },
  );

  app.post(
    '/spend-watch/anomalies/:id/expected',
    {
      onRequest: withAbility(deps, 'keys.manage'),
      schema: { params: z.object({ id: z.string() }), response: { 200: done } },
    },
    async (request, reply) => {
      const { userId: by, organizationId } = memberOf(request);
      const id = parseId('anomaly', request.params.id);
      if (id === undefined) return refuse(reply, 'not_found');
      const told = await deps.pool.transaction((tx) =>
        acknowledge(tx, { organizationId, id }, { by, requestId: request.id }),
      );
      if (told.outcome === 'not_open') return refuse(reply, 'not_found');
      return told.outcome === 'key_paused' ? refuse(reply, 'key_is_paused') : { ok: true as const };
    },
  );
}

async function watchView({ pool }: ConsoleDeps, organizationId: string): Promise<WatchResponse> {
  const [policy, anomalies, keys, organization] = await Promise.all([
    readWatchPolicy(pool, organizationId),
    listAnomalies(pool, organizationId, SHOWN),
    listApiKeys(pool, organizationId),
    readOrganization(pool, organizationId),
  ]);
  const answered = anomalies.flatMap(({ endedBy }) => (endedBy === null ? [] : [endedBy]));
  const emails = await emailsOf(pool, [...answered, ...(policy.set ? [policy.set.by] : [])]);
  const named = new Map([
    ...keys.map(({ id, name }) => [id, name] as const),
    [organizationId, organization?.name ?? organizationId] as const,
  ]);
  const person = (id: string) => emails.get(id) ?? OTHERS[id] ?? 'Admin key';
  return {
    action: policy.action,
    set:
      policy.set === null ? null : { by: person(policy.set.by), at: policy.set.at.toISOString() },
    anomalies: anomalies.map((one) => anomalyView(one, named, person)),
  };
}

/** Who answered or decided, where it was no person. */
const OTHERS: Readonly<Record<string, string>> = { operator: 'Operator' };

const anomalyView = (
  anomaly: Anomaly,
  named: ReadonlyMap<string, string>,
  person: (id: string) => string,
): AnomalyView => ({
  id: anomaly.id,
  level: anomaly.level,
  subject_id: anomaly.subjectId,
  subject: named.get(anomaly.subjectId) ?? anomaly.subjectId,
  state: anomaly.state,
  window_minutes: WINDOWS[anomaly.window].minutes,
  spent_usd: formatUsd(anomaly.spent),
  usual_usd: formatUsd(anomaly.usual),
  opened_at: anomaly.openedAt.toISOString(),
  paused_at: anomaly.pausedAt?.toISOString() ?? null,
  ended_at: anomaly.endedAt?.toISOString() ?? null,
  ended_by: anomaly.endedBy === null ? null : person(anomaly.endedBy),
});
