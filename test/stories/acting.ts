import { expireLapsedHolds } from '#charging/lapse';
import { setSpendLimit } from '#charging/limits';
import type { Db } from '#db/pool';
import { type NanoUsd, ZERO } from '#kernel/money';
import { bookAllStoppedGrants } from '#ledger/breakage';
import { freezeGrant, releaseFreeze, seizeFreeze } from '#ledger/disputes';
import { issueGrant } from '#ledger/grants';
import { refundFailed, refundGrant, refundPaid } from '#ledger/refunds';
import { reinstateCredit } from '#ledger/reinstating';
import { voidGrant } from '#ledger/voiding';
import { takeUp } from '#payments/taking-back';
import { recordOf } from '#test/ledger-world';
import { parseInstant } from './instant.ts';
import type { ActionName, Words } from './language.ts';
import type { Row } from './story.ts';
import type { Done, StoryWorld } from './world.ts';

interface Scene {
  readonly world: StoryWorld;
  readonly words: Words;
  readonly at: Date;
}

type Act = (scene: Scene) => Promise<Done>;

const DONE: Done = { outcome: 'done' };

function instant({ words, at }: Scene): Date {
  const read = parseInstant(words.word('instant'), at);
  if (read === undefined) throw new Error(`no such time: ${words.word('instant')}`);
  return read;
}

const inTransaction = <T>({ world }: Scene, work: (tx: Db) => Promise<T>): Promise<T> =>
  world.pool.transaction(work);

/** The dispute or refund of a row. */
const about = ({ world, words }: Scene, slot: string) => ({
  organizationId: world.payer.organizationId,
  reference: world.reference(words.word(slot)),
});

async function settle(
  { world, words, at }: Scene,
  resolution: 'settle' | 'void',
  happenedAt?: Date,
): Promise<Done> {
  const requestId = world.request(words.word('request'));
  const used = words.maybeAmount('amount') ?? ZERO;
  const voided = resolution === 'void';
  const outcome = await world.database.node.charging.settle({
    organizationId: world.payer.organizationId,
    requestId,
    resolution,
    cost: voided ? ZERO : used,
    record: recordOf(world.payer, {
      rule: !voided ? 'S1' : used > 0n ? 'S7' : 'S6',
      lossUsage: voided ? used : ZERO,
      startedAt: at,
    }),
    ...(happenedAt === undefined ? {} : { happenedAt }),
  });
  return { request: requestId, ...outcome };
}

async function limit({ world, words }: Scene, amount: NanoUsd | null): Promise<Done> {
  const subject = words.word('subject');
  const { organizationId } = world.payer;
  const { level, subjectId } = subject.startsWith('key ')
    ? { level: 'api_key' as const, subjectId: world.key(subject).apiKeyId }
    : subject.startsWith('workspace ')
      ? { level: 'workspace' as const, subjectId: world.workspace(subject).workspaceId }
      : { level: 'organization' as const, subjectId: organizationId };
  const outcome = await setSpendLimit(world.pool, {
    organizationId,
    level,
    subjectId,
    amount,
    action: words.maybe('only') === undefined ? 'notify_and_pause' : 'notify_only',
    setBy: 'operator',
  });
  return outcome === 'set' ? DONE : { outcome };
}

/** How each sentence of the language is done, through the functions the product uses. */
const ACTS: Readonly<Record<ActionName, Act>> = {
  buys: (scene) => {
    const { world, words } = scene;
    const grantId = world.newGrant(words.maybe('grant'));
    const tax = words.maybeAmount('tax');
    const happenedAt = words.maybe('instant') === undefined ? undefined : instant(scene);
    return inTransaction(scene, (tx) =>
      issueGrant(tx, {
        organizationId: world.payer.organizationId,
        grantId,
        kind: 'purchase',
        amount: words.amount(),
        source: `pi_${grantId}`,
        ...(tax === undefined ? {} : { tax }),
        ...(happenedAt === undefined ? {} : { happenedAt }),
      }),
    );
  },
  gives: (scene) => {
    const { world, words } = scene;
    const grantId = world.newGrant(words.maybe('grant'));
    const expiresAt = words.maybe('instant') === undefined ? undefined : instant(scene);
    return inTransaction(scene, (tx) =>
      issueGrant(tx, {
        organizationId: world.payer.organizationId,
        grantId,
        kind: words.word('kind') === 'promotional' ? 'promotional' : 'adjustment',
        amount: words.amount(),
        source: `operator:${grantId}`,
        ...(expiresAt === undefined ? {} : { expiresAt }),
      }),
    );
  },
  holds: async ({ world, words }) => {
    const key = words.maybe('key');
    const outcome = await world.database.node.charging.hold({
      ...world.key(key),
      requestId: world.newRequest(words.word('request')),
      amount: words.amount(),
    });
    const level = outcome.outcome === 'limit_reached' ? outcome.level : undefined;
    return { outcome: level === undefined ? outcome.outcome : `${level}_limit` };
  },
  extends: async ({ world, words }) => {
    const outcome = await world.database.node.charging.extend({
      organizationId: world.payer.organizationId,
      requestId: world.request(words.word('request')),
      toAmount: words.amount(),
    });
    const level = outcome.outcome === 'limit_reached' ? outcome.level : undefined;
    return { outcome: level === undefined ? outcome.outcome : `${level}_limit` };
  },
  looks: async () => DONE,
  used: (scene) => settle(scene, 'settle'),
  failed: (scene) => settle(scene, 'void'),
  replays: (scene) => settle(scene, 'settle', instant(scene)),
  voids: (scene) => {
    const { organizationId } = scene.world.payer;
    const grantId = scene.world.grant(scene.words.word('grant'));
    return inTransaction(scene, (tx) =>
      voidGrant(tx, { organizationId, grantId, reason: 'given by mistake' }),
    );
  },
  refunds: (scene) => {
    const { world, words } = scene;
    const part = words.word('part');
    const amount = part === 'all' ? part : words.amount('part');
    const grantId = world.grant(words.word('grant'));
    const { organizationId } = world.payer;
    const reference = world.reference(words.maybe('refund') ?? 'refund');
    return inTransaction(scene, (tx) =>
      refundGrant(tx, { organizationId, reference, grantId, amount }),
    );
  },
  pays: (scene) => inTransaction(scene, (tx) => refundPaid(tx, about(scene, 'refund'))),
  bounces: (scene) => inTransaction(scene, (tx) => refundFailed(tx, about(scene, 'refund'))),
  disputes: (scene) => {
    const grantId = scene.world.grant(scene.words.word('grant'));
    return inTransaction(scene, (tx) => freezeGrant(tx, { ...about(scene, 'dispute'), grantId }));
  },
  wins: (scene) => inTransaction(scene, (tx) => releaseFreeze(tx, about(scene, 'dispute'))),
  loses: (scene) => {
    const claimed = scene.words.maybeAmount('amount');
    return inTransaction(scene, (tx) =>
      seizeFreeze(tx, {
        ...about(scene, 'dispute'),
        ...(claimed === undefined ? {} : { claimed }),
      }),
    );
  },
  sends: (scene) => {
    const { world, words } = scene;
    const grantId = world.grant(words.word('grant'));
    const { organizationId } = world.payer;
    const reference = world.reference(words.word('refund'));
    return inTransaction(scene, async (tx) => {
      const of = { organizationId, grantId, reference, amount: words.amount() };
      const taken = await takeUp(tx, of);
      if (taken.credit > taken.spent) await refundPaid(tx, { organizationId, reference });
      return DONE;
    });
  },
  overturns: (scene) => {
    const { world, words } = scene;
    const { organizationId } = world.payer;
    const reference = world.reference(words.word('dispute'));
    return inTransaction(scene, (tx) =>
      reinstateCredit(tx, {
        ...{ organizationId, of: world.grant(words.word('grant')), reference },
        ...{ grantId: world.newGrant(words.word('again')), amount: words.amount(), tax: ZERO },
        source: `${reference}:reinstated`,
      }),
    );
  },
  adds: async ({ world, words }) => {
    await world.addKey(words.word('key'), words.word('workspace'));
    return DONE;
  },
  revokes: async ({ world, words }) => {
    const { organizationId, apiKeyId } = world.key(words.word('key'));
    await world.pool.query({
      text: `UPDATE orgs.api_keys SET status = 'revoked' WHERE organization_id = $1 AND id = $2`,
      values: [organizationId, apiKeyId],
    });
    return DONE;
  },
  limits: (scene) => limit(scene, scene.words.amount()),
  lifts: (scene) => limit(scene, null),
  dies: async ({ world, words }) => {
    // Leases pass in real time, for which no story has the patience.
    await world.database.db.ownerPool.query({
      text: `UPDATE ledger.holds SET lease_expires_at = bursar.real_now() - interval '1 second'
              WHERE organization_id = $1 AND id = $2`,
      values: [world.payer.organizationId, world.request(words.word('request'))],
    });
    return DONE;
  },
  sweeps: async ({ world }) => {
    await expireLapsedHolds(world.pool, 1_000);
    return DONE;
  },
  books: async ({ world, words }) => {
    const times = words.maybe('twice') === undefined ? 1 : 2;
    await Promise.all(Array.from({ length: times }, () => bookAllStoppedGrants(world.pool)));
    return DONE;
  },
};

export const act = (world: StoryWorld, row: Row): Promise<Done> =>
  ACTS[row.action.name]({ world, words: row.action.words, at: row.at });
