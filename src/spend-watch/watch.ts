import { type NanoUsd, nanos } from '#kernel/money';
import * as anomalies from './anomalies-sql.ts';
import { type RaiseDeps, raise } from './raise.ts';
import * as sql from './sql.ts';
import {
  FLOOR,
  findUnusual,
  leastFloor,
  type Speed,
  type Spender,
  STILL,
  together,
  without,
} from './unusual.ts';

export interface WatchDeps extends RaiseDeps {
  /** What five minutes may cost without anybody being disturbed; five dollars unless told. */
  readonly floor?: NanoUsd;
  /** Another process that looked so lately has looked for this one too. */
  readonly gapMs?: number;
  /** Told of an organization for which something went wrong; the others are looked after. */
  readonly onFailure?: (error: unknown, organizationId: string) => void;
}

interface Fast {
  readonly subject: anomalies.Subject;
  readonly speed: Speed;
  readonly spender: Spender;
  readonly asOf: string;
}

/**
 * One look at what has been settled: counts it, notes what is usual, and does something about who
 * spends unusually fast. Meant for every second, in every worker; false if it was not our turn.
 */
export async function watchSpending(deps: WatchDeps): Promise<boolean> {
  const floor = deps.floor ?? FLOOR;
  const rows = await countAll(deps, floor);
  if (rows === undefined) return false;
  for (const [organizationId, fast] of await knownOf(deps, rows)) {
    try {
      await compare(deps, fast, floor);
    } catch (error) {
      if (deps.onFailure === undefined) throw error;
      deps.onFailure(error, organizationId);
    }
  }
  await deps.pool.query(anomalies.passQuiet);
  return true;
}

/** Who is fast enough to be looked at, once all that has settled is counted. */
async function countAll(deps: WatchDeps, floor: NanoUsd): Promise<sql.SpeedRow[] | undefined> {
  for (;;) {
    const rows = await count(deps, floor);
    if (rows !== 'behind') return rows;
  }
}

async function count(
  deps: WatchDeps,
  floor: NanoUsd,
): Promise<sql.SpeedRow[] | 'behind' | undefined> {
  const least = {
    five_minutes: leastFloor(floor, 'five_minutes'),
    hour: leastFloor(floor, 'hour'),
  };
  return await deps.pool.transaction(async (tx) => {
    const [turn] = await tx.query<sql.TurnRow>(sql.takeTurn(deps.gapMs ?? 0));
    if (turn === undefined) return undefined;
    await tx.query(sql.countCharges(turn));
    if (turn.newMinute) {
      await tx.query(sql.noteUsual);
      await tx.query(sql.markNoted);
      await tx.query(sql.forgetMinutes(turn));
    }
    if (turn.newDay) await tx.query(sql.forgetDays);
    if (turn.behind) return 'behind';
    return await tx.query<sql.SpeedRow>(sql.selectFast(turn, least));
  });
}

/** What they are used to, by organization; organizations that want no watch are not among them. */
async function knownOf(
  { pool }: WatchDeps,
  rows: readonly sql.SpeedRow[],
): Promise<Map<string, Fast[]>> {
  const known = new Map<string, Fast[]>();
  if (rows.length === 0) return known;
  const asked = sql.selectSpenders(
    rows.map((row) => row.organizationId),
    rows.map((row) => row.subjectId),
  );
  const speeds = new Map(rows.map((row) => [row.subjectId, speedOf(row)]));
  for (const row of await pool.query<sql.SpenderRow>(asked)) {
    const { organizationId, level, subjectId, asOf } = row;
    const subject = { organizationId, level, subjectId };
    const speed = speeds.get(subjectId) ?? STILL;
    const fast = { subject, speed, spender: spenderOf(row), asOf };
    known.set(organizationId, [...(known.get(organizationId) ?? []), fast]);
  }
  return known;
}

const speedOf = (row: sql.SpeedRow): Speed => ({
  five_minutes: nanos(row.fiveMinutes),
  hour: nanos(row.hour),
});

const spenderOf = (row: sql.SpenderRow): Spender => ({
  usual: { five_minutes: nanos(row.usualFiveMinutes), hour: nanos(row.usualHour) },
  ofOrganization:
    row.level === 'organization'
      ? null
      : {
          five_minutes: nanos(row.ofOrganizationFiveMinutes),
          hour: nanos(row.ofOrganizationHour),
        },
  young: row.young,
  answeredLately: row.answeredLately,
  monthly: row.monthly === null ? null : nanos(row.monthly),
});

/** Keys first: what they explain is not told again of their organization. */
async function compare(deps: WatchDeps, fast: readonly Fast[], floor: NanoUsd): Promise<void> {
  let explained = STILL;
  for (const one of fast.filter(({ subject }) => subject.level === 'api_key')) {
    const unusual = findUnusual(one.speed, one.spender, floor);
    if (unusual === undefined) continue;
    await raise(deps, { ...one, unusual });
    explained = together(explained, one.speed);
  }
  for (const one of fast.filter(({ subject }) => subject.level === 'organization')) {
    const speed = without(one.speed, explained);
    const unusual = findUnusual(speed, one.spender, floor);
    if (unusual !== undefined) await raise(deps, { ...one, unusual, speed });
  }
}
