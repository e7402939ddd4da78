import type { Db } from '#db/pool';
import { type NanoUsd, nanos } from '#kernel/money';
import * as sql from './anomalies-sql.ts';
import type { AnomalyState } from './states.ts';
import type { Speed, WindowName } from './unusual.ts';

/** Once a key or an organization spent far faster than it was used to. */
export interface Anomaly {
  readonly organizationId: string;
  readonly id: string;
  readonly level: 'api_key' | 'organization';
  readonly subjectId: string;
  readonly state: AnomalyState;
  readonly window: WindowName;
  /** What was charged in the window when it was found. */
  readonly spent: NanoUsd;
  /** The most before. */
  readonly usual: NanoUsd;
  readonly allowed: NanoUsd;
  /** The most while it was open. */
  readonly peak: Speed;
  readonly openedAt: Date;
  /** When its key was paused; null if only told of. */
  readonly pausedAt: Date | null;
  readonly endedAt: Date | null;
  /** Who answered it; null while open, and if it passed. */
  readonly endedBy: string | null;
}

export const anomalyOf = (row: sql.AnomalyRow): Anomaly => ({
  ...row,
  spent: nanos(row.spent),
  usual: nanos(row.usual),
  allowed: nanos(row.allowed),
  peak: { five_minutes: nanos(row.peakFiveMinutes), hour: nanos(row.peakHour) },
});

/** Open ones first, then the newest. */
export async function listAnomalies(
  db: Db,
  organizationId: string,
  limit: number,
): Promise<Anomaly[]> {
  const rows = await db.query<sql.AnomalyRow>(sql.selectAnomalies(organizationId, limit));
  return rows.map(anomalyOf);
}
