import type { Db, Pool } from '#db/pool';
import { FRESH_HOURS, type Identity, SESSION_DAYS, type Session } from '#identity/port';
import { digestOf, newToken, tokenShapeOk } from '#identity/secrets';
import type { Entropy } from '#kernel/ids';
import { readUser } from '#orgs/members';
import { recordAudit } from './audit.ts';
import {
  deleteOldSessions,
  insertSession,
  revokeSession,
  revokeSessionsOf,
  type SessionRow,
  selectSession,
  touchSession,
  updateSessionOrganization,
} from './sql.ts';

interface SessionDeps {
  readonly pool: Pool;
  readonly entropy: Entropy;
  readonly pepper: Buffer;
}

/** Makes a session and returns its token, which is stored nowhere. */
export async function startSession(
  tx: Db,
  deps: SessionDeps,
  userId: string,
  organizationId: string | null,
): Promise<string> {
  const token = newToken(deps.entropy);
  const digest = digestOf(deps.pepper, 'session', token);
  await tx.query(deleteOldSessions());
  await tx.query(insertSession(digest, userId, organizationId, SESSION_DAYS));
  return token;
}

async function readSession(deps: SessionDeps, token: string): Promise<Session | undefined> {
  if (!tokenShapeOk(token)) return undefined;
  const digest = digestOf(deps.pepper, 'session', token);
  const [row] = await deps.pool.query<SessionRow>(selectSession(digest, FRESH_HOURS));
  if (row === undefined) return undefined;
  // Noted at most every five minutes: a page of ten requests is one write.
  if (row.stale) await deps.pool.query(touchSession(digest, SESSION_DAYS));
  const user = await readUser(deps.pool, row.user_id);
  if (user === undefined) return undefined;
  const { organization_id: organizationId, fresh } = row;
  return { userId: user.id, email: user.email, organizationId, fresh };
}

const noteEnd = (tx: Db, userId: string): Promise<void> =>
  recordAudit(tx, {
    organizationId: null,
    actor: userId,
    action: 'session.end',
    subject: userId,
    requestId: null,
  });

type SessionPart = Pick<
  Identity,
  'readSession' | 'selectOrganization' | 'signOut' | 'signOutEverywhere'
>;

export function sessionStore(deps: SessionDeps): SessionPart {
  const digest = (token: string): Buffer => digestOf(deps.pepper, 'session', token);
  return {
    readSession: (token) => readSession(deps, token),
    async selectOrganization(db, token, organizationId) {
      await db.query(updateSessionOrganization(digest(token), organizationId));
    },
    signOut: (token) =>
      deps.pool.transaction(async (tx) => {
        const [ended] = await tx.query<{ user_id: string }>(revokeSession(digest(token)));
        if (ended !== undefined) await noteEnd(tx, ended.user_id);
      }),
    signOutEverywhere: (userId) =>
      deps.pool.transaction(async (tx) => {
        await tx.query(revokeSessionsOf(userId));
        await noteEnd(tx, userId);
      }),
  };
}
