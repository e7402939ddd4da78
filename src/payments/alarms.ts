import type { Db } from '#db/pool';
import * as sql from '#payments/alarms-sql';
import type { PaymentsDeps } from '#payments/deps';
import { tellAlarm } from '#payments/telling';

/** Seen in the log and in `bursar doctor`; persisted while it rings, never renamed. */
export const ALARMS = {
  paid_not_credited: 'payments are in for more than a minute and are no credit',
  webhook_silence: 'webhooks are not arriving; credit comes by polling',
  decline_spike: 'most payments of the last hour were declined',
  stuck_payments: 'payments are processing for more than 15 minutes',
  clock_skew: 'the clock here and at the card processor differ; webhooks will be refused as old',
  webhook_endpoint: 'the webhook endpoint is not as it should be at the card processor',
} as const;

export type AlarmName = keyof typeof ALARMS;

export interface Alarm {
  readonly name: AlarmName;
  readonly detail: string;
}

/** Fewer are a bad hour of somebody, not of ours. */
const DECLINES_MIN = 10;
/** Webhooks are late and out of order; so many payments in a row without one are silence. */
const SILENT_PAYMENTS = 3;
/** A signature is accepted for 300 s; the alarm comes while there is still time. */
const SKEW_SECONDS = 120;
/** Named in an alarm; the rest is counted. */
const NAMED = 10;

type Look = (db: Db, environment: string | null) => Promise<string | undefined>;

const named = (ids: readonly string[]): string | undefined => {
  if (ids.length === 0) return undefined;
  const more = ids.length > NAMED ? ` and ${ids.length - NAMED} more` : '';
  return `${ids.slice(0, NAMED).join(', ')}${more}`;
};

const idsOf = (rows: readonly { readonly purchase: string }[]) =>
  named(rows.map(({ purchase }) => purchase));

/** Each says what is wrong, or nothing. All of it is in the database: any process may look. */
const LOOKS: Readonly<Record<AlarmName, Look>> = {
  paid_not_credited: async (db, environment) =>
    idsOf(await db.query<{ purchase: string }>(sql.uncredited(environment))),

  async webhook_silence(db, environment) {
    const { paid, told } = await webhookRecord(db, environment);
    return paid > 0 && told === 0 ? `none for the last ${paid} payments` : undefined;
  },

  async decline_spike(db, environment) {
    const [row] = await db.query<{ declined: number; paid: number }>(sql.declines(environment));
    const { declined, paid } = row ?? { declined: 0, paid: 0 };
    return declined >= DECLINES_MIN && declined > paid
      ? `${declined} declined, ${paid} paid`
      : undefined;
  },

  stuck_payments: async (db, environment) =>
    idsOf(await db.query<{ purchase: string }>(sql.stuck(environment))),

  async clock_skew(db, environment) {
    const rows = await db.query<ProcessorState>(sql.processorState(environment));
    const worst = rows.find(({ skew }) => skew !== null && Math.abs(skew) >= SKEW_SECONDS);
    return worst === undefined ? undefined : `the processor is ${worst.skew} s ahead`;
  },

  async webhook_endpoint(db, environment) {
    const rows = await db.query<ProcessorState>(sql.processorState(environment));
    return rows.find(({ endpoint }) => endpoint !== null)?.endpoint ?? undefined;
  },
};

interface ProcessorState {
  readonly skew: number | null;
  readonly endpoint: string | null;
}

/** Without webhooks configured, nothing about them is wrong. */
const ABOUT_WEBHOOKS: ReadonlySet<AlarmName> = new Set(['webhook_silence', 'webhook_endpoint']);

async function webhookRecord(db: Db, environment: string | null) {
  const [row] = await db.query<{ paid: number; told: number }>(
    sql.webhookRecord(environment, SILENT_PAYMENTS),
  );
  return row ?? { paid: 0, told: 0 };
}

/** What is wrong now. `environment` null: in every deployment that shares the database. */
export async function readAlarms(
  db: Db,
  { environment, webhooks }: { readonly environment: string | null; readonly webhooks: boolean },
): Promise<readonly Alarm[]> {
  const raised: Alarm[] = [];
  for (const name of Object.keys(LOOKS) as AlarmName[]) {
    if (!webhooks && ABOUT_WEBHOOKS.has(name)) continue;
    const detail = await LOOKS[name](db, environment);
    if (detail !== undefined) raised.push({ name, detail });
  }
  return raised;
}

/** Whether the pages should say that webhooks stay away: credit still comes, by polling. */
export async function webhooksAreSilent(
  deps: Pick<PaymentsDeps, 'pool' | 'environment'>,
): Promise<boolean> {
  const { paid, told } = await webhookRecord(deps.pool, deps.environment);
  return paid > 0 && told === 0;
}

/** Meant for every few seconds, in any number of processes: each alarm rings once until it is over. */
export async function watchAlarms(deps: PaymentsDeps): Promise<void> {
  const { pool, environment, processor, log } = deps;
  const webhooks = deps.webhooksExpected !== false;
  const raised = await readAlarms(pool, { environment, webhooks });
  for (const { name, detail } of raised) {
    const rows = await pool.transaction(async (tx) => {
      const rung = await tx.query(sql.raiseAlarm(environment, processor.name, name, detail));
      if (rung.length > 0) await tellAlarm(deps, tx, { name, detail, sentence: ALARMS[name] });
      return rung;
    });
    if (rows.length > 0) log?.error({ alarm: name, detail }, ALARMS[name]);
  }
  const over = await pool.query<{ name: string }>(
    sql.endAlarms(
      environment,
      processor.name,
      raised.map(({ name }) => name),
    ),
  );
  for (const { name } of over) log?.warn({ alarm: name }, 'an alarm is over');
}
