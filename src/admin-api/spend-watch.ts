import { z } from 'zod';
import { formatUsd } from '#kernel/money';
import { type Anomaly, listAnomalies } from '#spend-watch/anomalies';
import { acknowledge } from '#spend-watch/answers';
import { readWatchPolicy, setWatchPolicy, WATCH_ACTIONS } from '#spend-watch/policy';
import { ANOMALY_STATES } from '#spend-watch/states';
import { WINDOWS } from '#spend-watch/unusual';
import { type AdminApp, type AdminDeps, documented, refuse } from './door.ts';

const SHOWN = 100;

const time = z.iso.datetime();
const policy = z
  .object({
    action: z.enum(WATCH_ACTIONS),
    set_by: z.string().nullable().describe('null where nobody has set it'),
    set_at: time.nullable(),
  })
  .meta({ id: 'SpendWatch' });
const body = z.object({
  action: z.enum(WATCH_ACTIONS, { error: `expected ${WATCH_ACTIONS.join(', ')}` }),
});
const anomaly = z
  .object({
    id: z.string(),
    type: z.literal('spend_anomaly'),
    level: z.enum(['api_key', 'organization']),
    subject_id: z.string(),
    state: z.enum(ANOMALY_STATES),
    window_minutes: z.number(),
    spent_usd: z.string().describe('charged within the window when it was found'),
    usual_usd: z.string().describe('the most that was charged in such a window before'),
    allowed_usd: z.string().describe('beyond this it is unusual'),
    opened_at: time,
    paused_at: time.nullable().describe('when its key was paused; null if it was only told of'),
    ended_at: time.nullable(),
    ended_by: z.string().nullable().describe('whose answer ended it; null if it passed'),
  })
  .meta({ id: 'SpendAnomaly' });
const list = z.object({ data: z.array(anomaly) }).meta({ id: 'SpendAnomalyList' });
const byId = z.object({ id: z.string() });

const anomalyView = (one: Anomaly): z.infer<typeof anomaly> => ({
  id: one.id,
  type: 'spend_anomaly',
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

/** Unusual spending. A key that it paused is resumed as a disabled one is enabled. */
export function spendWatchRoutes(app: AdminApp, deps: AdminDeps): void {
  const policyOf = async (organizationId: string): Promise<z.infer<typeof policy>> => {
    const { action, set } = await readWatchPolicy(deps.pool, organizationId);
    return { action, set_by: set?.by ?? null, set_at: set?.at.toISOString() ?? null };
  };

  app.get(
    '/spend_watch',
    {
      schema: { ...documented('What unusual spending leads to'), response: { 200: policy } },
    },
    async (request) => policyOf(deps.callerOf(request).organizationId),
  );

  app.put(
    '/spend_watch',
    {
      schema: {
        ...documented('Set what unusual spending leads to'),
        body,
        response: { 200: policy },
      },
    },
    async (request) => {
      const { organizationId, apiKeyId: by } = deps.callerOf(request);
      const { action } = request.body;
      await deps.pool.transaction((tx) =>
        setWatchPolicy(tx, { organizationId, action, by, requestId: request.id }),
      );
      return policyOf(organizationId);
    },
  );

  app.get(
    '/spend_anomalies',
    {
      schema: {
        ...documented(`Unusual spending: open first, then the newest, at most ${SHOWN}`),
        response: { 200: list },
      },
    },
    async (request) => {
      const { organizationId } = deps.callerOf(request);
      return { data: (await listAnomalies(deps.pool, organizationId, SHOWN)).map(anomalyView) };
    },
  );

  app.post(
    '/spend_anomalies/:id/acknowledge',
    {
      schema: {
        ...documented('Say that unusual spending is expected'),
        params: byId,
        response: { 200: anomaly },
      },
    },
    async (request, reply) => {
      const { organizationId, apiKeyId: by } = deps.callerOf(request);
      const { id } = request.params;
      const told = await deps.pool.transaction((tx) =>
        acknowledge(tx, { organizationId, id }, { by, requestId: request.id }),
      );
      if (told.outcome === 'acknowledged') return anomalyView(told.anomaly);
      if (told.outcome === 'not_open') return refuse(request, reply, 'not_found');
      const message = 'id: its key is paused; make it active, or archive it';
      return refuse(request, reply, 'invalid_request', { message });
    },
  );
}
