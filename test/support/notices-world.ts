import type { Pool } from '#db/pool';
import type { Courier, Handed, MailMessage } from '#identity/mail';
import type { OrganizationId } from '#kernel/ids';
import { announceForgotten } from '#notices/announce';
import { lookAtForgottenCredit } from '#notices/credit-watch';
import { deliverDue } from '#notices/deliver';
import type { NoticeEvent, NoticesDeps } from '#notices/deps';
import { teller } from '#notices/tell';
import { addMember, findOrCreateUser } from '#orgs/members';
import type { Role } from '#orgs/roles';
import type { ReconcileDeps } from '#payments/reconcile';
import { systemEntropy } from '#src/system';
import { type ReloadWorld, reloadWorld } from '#test/reload-world';

export interface NoticesWorld {
  readonly reloads: ReloadWorld;
  /** Payments that tell. */
  readonly payments: ReconcileDeps;
  readonly deps: NoticesDeps;
  readonly mails: MailMessage[];
  readonly events: NoticeEvent[];
  /** What the next mails meet, in order; accepted where nothing is left. */
  readonly fate: Handed[];
  member(organizationId: OrganizationId, email: string, role: Role): Promise<void>;
  /** What timers do, until there is nothing left to do. As two workers at once if asked. */
  work(workers?: number): Promise<void>;
  /** Kinds told to an organization, in order. */
  told(organizationId: string): Promise<string[]>;
  mailsTo(address: string): MailMessage[];
  close(): Promise<void>;
}

const NOWHERE: Courier = { deliver: async () => ({ outcome: 'accepted' }) };

/** Notices of a deployment whose mails nobody reads. */
export const quietNotices = (pool: Pool, courier: Courier = NOWHERE): NoticesDeps => ({
  ...{ pool, courier, entropy: systemEntropy, brand: 'Bursar' },
  consoleUrl: 'http://127.0.0.1:4000',
  pepper: Buffer.from('a pepper that is only for tests.'),
  mailDomain: 'bursar.test',
  operators: [],
});

export async function noticesWorld(): Promise<NoticesWorld> {
  const reloads = await reloadWorld();
  const { pool } = reloads.world.db;
  const mails: MailMessage[] = [];
  const fate: Handed[] = [];
  const events: NoticeEvent[] = [];
  const courier: Courier = {
    async deliver(message) {
      const handed = fate.shift() ?? { outcome: 'accepted' };
      if (handed.outcome === 'accepted') mails.push(message);
      return handed;
    },
  };
  const deps: NoticesDeps = {
    ...quietNotices(pool, courier),
    operators: ['ops@example.com'],
    cards: { provider: reloads.world.deps.processor.name, environment: 'test' },
    async publish(_tx, event) {
      events.push(event);
    },
  };
  return {
    ...{ reloads, deps, mails, events, fate },
    payments: { ...reloads.world.deps, tell: teller(systemEntropy) },
    async member(of, email, role) {
      const user = await findOrCreateUser(pool, systemEntropy, email);
      await addMember(pool, { organizationId: of, userId: user.id, role });
    },
    async work(workers = 1) {
      const all = Array.from({ length: workers });
      await Promise.all(all.map(() => lookAtForgottenCredit(deps)));
      await Promise.all(all.map(() => announceForgotten(deps)));
      await Promise.all(all.map(() => deliverDue(deps)));
    },
    async told(organizationId) {
      const rows = await pool.query<{ kind: string }>({
        text: `SELECT kind FROM notices.notices WHERE organization_id = $1
                ORDER BY happened_at, id`,
        values: [organizationId],
      });
      return rows.map(({ kind }) => kind);
    },
    mailsTo: (address) => mails.filter(({ to }) => to === address),
    close: () => reloads.close(),
  };
}
