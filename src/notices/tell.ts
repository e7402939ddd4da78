import { enqueue } from '#db/jobs';
import type { Db, Pool } from '#db/pool';
import { type Entropy, newId } from '#kernel/ids';
import type { Facts } from '#notices/facts';
import { insertNotice, positionsTold } from './sql.ts';

/** The job that decides who is told. */
export const ANNOUNCE_TASK = 'notice_announce';

/** Those who run the deployment, where an organization's id stands otherwise. */
export const OPERATORS = 'operators';

export interface Notice {
  readonly organizationId: string;
  /** One of `KINDS`. */
  readonly kind: string;
  /** Names the transition: one notice per organization, kind and key, ever. */
  readonly key: string;
  readonly facts: Facts;
}

export type Tell = (tx: Db, notice: Notice) => Promise<void>;

/**
 * Notes that something happened, in the transaction in which it happens: told exactly if that
 * commits, and once, whoever says it again. Who is told is decided afterwards, by a job, so this
 * costs one row and locks nothing.
 */
export function teller(entropy: Entropy): Tell {
  return async (tx, { organizationId, kind, key, facts }) => {
    const id = newId('notice', entropy);
    const added = await tx.query(insertNotice({ organizationId, id, kind, key, facts }));
    if (added.length === 0) return;
    const payload = { organization_id: organizationId, notice_id: id };
    await enqueue(tx, ANNOUNCE_TASK, payload, { jobKey: `${ANNOUNCE_TASK}:${id}` });
  };
}

/**
 * For who looks again and again: tells what was not told yet, each in a transaction of its own. Asks
 * for all of them at once, so looking at what everybody knows costs one statement.
 */
export async function tellNew(
  { pool, entropy }: { readonly pool: Pool; readonly entropy: Entropy },
  notices: readonly Notice[],
): Promise<void> {
  if (notices.length === 0) return;
  const told = await pool.query<{ place: number }>(
    positionsTold(
      notices.map(({ organizationId }) => organizationId),
      notices.map(({ kind }) => kind),
      notices.map(({ key }) => key),
    ),
  );
  const known = new Set(told.map(({ place }) => place - 1));
  const tell = teller(entropy);
  for (const [place, notice] of notices.entries()) {
    if (!known.has(place)) await pool.transaction((tx) => tell(tx, notice));
  }
}
