import type { Db } from '#db/pool';
import { type Clock, manualClock } from '#kernel/clock';
import { createOrganization } from '#orgs/organizations';
import type { SendingDeps, Tell } from '#outgoing-webhooks/deps';
import { createEndpoint, type Endpoint } from '#outgoing-webhooks/endpoints';
import type { Post } from '#outgoing-webhooks/post';
import { publishEvent } from '#outgoing-webhooks/publish';
import { openSender, type Sender } from '#outgoing-webhooks/sender';
import { systemEntropy } from '#src/system';
import { type TestDatabase, testDatabase } from '#test/database';
import { type Receiver, startReceiver } from '#test/webhook-receiver';
import { webhookPost } from '#worker/webhook-post';

type Told = Parameters<Tell>[1];

export interface Hooked {
  readonly organizationId: string;
  readonly endpoint: Endpoint;
  readonly secret: string;
}

export interface WebhooksWorld {
  readonly db: TestDatabase;
  readonly deps: SendingDeps;
  readonly sender: Sender;
  readonly receiver: Receiver;
  readonly told: Told[];
  readonly clock: Clock & { advance(ms: number): void };
  organization(): Promise<string>;
  /** An endpoint of a new organization, or of one there is, at the receiver. */
  hooked(more?: Partial<Options>): Promise<Hooked>;
  publish(organizationId: string, eventId: string, tx?: Db): Promise<number>;
  /** Moves business time. */
  later(interval: string): Promise<unknown>;
  /** Another process on the same database. */
  another(post?: Post, tell?: Tell): Sender;
  rows<Row>(text: string, ...values: unknown[]): Promise<Row[]>;
  close(): Promise<void>;
}

interface Options {
  readonly organizationId: string;
  readonly url: string;
  readonly eventTypes: readonly string[];
}

/** Simulated, so that business time moves and this machine may be sent to. */
export async function webhooksWorld(post?: Post): Promise<WebhooksWorld> {
  const [db, receiver] = await Promise.all([testDatabase(), startReceiver()]);
  await db.ownerPool.query({ text: 'UPDATE bursar.deployment SET simulated = true' });
  const told: Told[] = [];
  const clock = manualClock(new Date());
  const deps: SendingDeps = {
    ...{ pool: db.pool, clock, entropy: systemEntropy },
    pepper: Buffer.from('a pepper that is only for tests.'),
    policy: { ports: new Set([443]), loopback: true },
    post: post ?? webhookPost({ resolve: async () => [] }),
    tell: async (_tx, notice) => void told.push(notice),
  };
  const senders = [openSender(deps)];
  const [sender] = senders;
  if (sender === undefined) throw new Error('no sender');
  const organization = async () => {
    const made = await db.pool.transaction((tx) =>
      createOrganization(tx, systemEntropy, { name: 'Hooked' }),
    );
    return made.organizationId;
  };
  return {
    ...{ db, deps, sender, receiver, told, clock, organization },
    async hooked({ organizationId, url = receiver.url, eventTypes = [] } = {}) {
      const of = organizationId ?? (await organization());
      const asked = { organizationId: of, url, eventTypes, description: '', createdBy: 'user_1' };
      const made = await db.pool.transaction((tx) => createEndpoint(tx, deps, asked));
      if (made.outcome !== 'created') throw new Error(made.outcome);
      return { organizationId: of, endpoint: made.endpoint, secret: made.secret };
    },
    async publish(organizationId, eventId, tx) {
      const event = { organizationId, eventId, type: 'credits.low', data: { a: 'ä' } } as const;
      const occurredAt = new Date('2027-01-15T12:00:00Z');
      const publish = (on: Db) => publishEvent(on, { ...event, occurredAt });
      return tx === undefined ? await db.pool.transaction(publish) : await publish(tx);
    },
    later: (interval) =>
      db.ownerPool.query({
        text: 'SELECT bursar.advance_clock($1::interval)',
        values: [interval],
      }),
    another(own = deps.post, tell = deps.tell) {
      const opened = openSender({ ...deps, post: own, tell });
      senders.push(opened);
      return opened;
    },
    rows: (text, ...values) => db.ownerPool.query({ text, values }),
    async close() {
      await Promise.all(senders.map((one) => one.close()));
      await receiver.close();
      await db.drop();
    },
  };
}
