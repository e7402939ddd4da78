import type { Db, Pool } from '#db/pool';
import type { Courier } from '#identity/mail';
import type { Entropy, OrganizationId } from '#kernel/ids';
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
  /**
   * Whole days for which credits last at the pace of the last days, null where nobody can say; without
   * it nothing is said of that.
   */
  readonly runway?: (db: Db, organizationId: OrganizationId) => Promise<number | null>;
  readonly log?: NoticesLog;
}
