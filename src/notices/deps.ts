import type { Db, Pool } from '#db/pool';
import type { Courier } from '#identity/mail';
import type { Entropy } from '#kernel/ids';
import type { Facts } from '#notices/facts';

/** Ids and codes only: no addresses, no texts. */
export interface NoticesLog {
  warn(fields: Record<string, unknown>, message: string): void;
  error(fields: Record<string, unknown>, message: string): void;
}

/** The same as a notice, for programs. Published in a transaction; harmless when repeated. */
export interface NoticeEvent {
  readonly organizationId: string;
  /** The notice's id: one event for each. */
  readonly eventId: string;
  /** E.g. `credits.low`. */
  readonly type: string;
  readonly occurredAt: Date;
  readonly data: Facts;
}

export interface NoticesDeps {
  readonly pool: Pool;
  readonly entropy: Entropy;
  readonly courier: Courier;
  readonly brand: string;
  readonly consoleUrl: string;
  /** Signs the links of mails; kept outside the database. */
  readonly pepper: Buffer;
  /** Domain of the ids of mails: that of the sender. */
  readonly mailDomain: string;
  /** Those who run the deployment. */
  readonly operators: readonly string[];
  /** Whose cards are looked at: one account at one processor. */
  readonly cards?: { readonly provider: string; readonly environment: string };
  readonly publish?: (tx: Db, event: NoticeEvent) => Promise<void>;
  /** How long credits last; without it nothing is said of it. */
  readonly runway?: (db: Db, organizationId: string) => Promise<Runway | undefined>;
  readonly log?: NoticesLog;
}

/** A forecast; undefined days where it is too early for one. */
export interface Runway {
  readonly daysLeft: number;
  readonly endsAt: Date;
  /** As decimal text, in USD. */
  readonly perDayUsd: string;
  readonly balanceUsd: string;
}
