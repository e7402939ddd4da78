import type { Db } from '#db/pool';
import { isNoticeKind, kindOf, type Severity } from '#notices/kinds';
import type { Topic } from '#notices/topics';
import type { Setting } from '#notices/wording';
import { wordsOf } from '#notices/words';
import { type AddressRow, listAddresses, listOptOuts, type OptOutRow } from './settings-sql.ts';
import { listNotices, type SentRow, unreached } from './sql.ts';

/** `waiting` is for the daily summary. */
export type MailState = 'waiting' | 'queued' | 'sent' | 'failed';

export interface SentMail {
  readonly address: string;
  readonly state: MailState;
  readonly problem: string | null;
  readonly at: Date | null;
}

export interface SentNotice {
  readonly id: string;
  readonly at: Date;
  readonly severity: Severity;
  readonly topic: Topic;
  readonly headline: string;
  /** Nobody was to be told: no one has a role that is. */
  readonly mails: readonly SentMail[];
}

const SHOWN = 50;

/** The newest notices of an organization, with what became of each mail. */
export async function sentNotices(
  db: Db,
  organizationId: string,
  setting: Setting,
): Promise<SentNotice[]> {
  const rows = await db.query<SentRow>(listNotices(organizationId, SHOWN));
  const found = new Map<string, SentNotice & { mails: SentMail[] }>();
  for (const row of rows) {
    if (!isNoticeKind(row.kind)) continue;
    const { severity, topic } = kindOf(row.kind);
    const notice = found.get(row.id) ?? {
      ...{ id: row.id, at: row.happenedAt, severity, topic, mails: [] },
      headline: wordsOf(row.kind, row.facts, setting).headline,
    };
    found.set(row.id, notice);
    if (row.address !== null) notice.mails.push(mailOf(row, row.address));
  }
  return [...found.values()];
}

function mailOf(row: SentRow, address: string): SentMail {
  const state = row.mailId === null ? 'waiting' : (row.state ?? 'queued');
  return { address, state, problem: row.problem, at: row.endedAt };
}

export interface Unreached {
  readonly address: string;
  readonly problem: string;
  readonly at: Date;
}

/** Addresses whose newest mail could not be delivered. */
export const unreachedAddresses = (db: Db, organizationId: string): Promise<Unreached[]> =>
  db.query<Unreached>(unreached(organizationId));

export const addedAddresses = (db: Db, organizationId: string): Promise<AddressRow[]> =>
  db.query<AddressRow>(listAddresses(organizationId));

export const optedOut = (db: Db, organizationId: string): Promise<OptOutRow[]> =>
  db.query<OptOutRow>(listOptOuts(organizationId));

/** Why a mail did not arrive, in words. */
export const PROBLEM_WORDS: Readonly<Record<string, string>> = {
  address_refused: 'its mail server says that there is no such address',
  mail_server_unreachable: 'our mail server could not be reached',
  mail_server_refused: 'our mail server did not take it',
  nothing_to_say: 'there was nothing left to say',
};
