import type { Clock } from '#kernel/clock';
import type { Share } from './share.ts';
import type { BucketStore } from './store.ts';

/** Between tries while the store is silent, and between asks that nobody waits for. */
const RETRY_MS = 500;
const PACE_MS = 50;

/** What a node asks of the shared buckets, and hears. */
export interface Rounds {
  /** Whether the store has not answered lately. */
  silent(): boolean;
  /** How many nodes share the buckets, as last heard. */
  nodes(): number;
  /** Asks for these, and waits a moment at most for the answer. */
  soon(which: readonly { readonly share: Share }[]): Promise<void>;
  ask(which: readonly { readonly share: Share }[]): Promise<void>;
  /** Asks for those that run low, if that was not done a moment ago. */
  refill(which: readonly { readonly share: Share }[]): void;
}

export interface RoundsOptions {
  readonly store: BucketStore;
  readonly clock: Clock;
  readonly onFailure: (error: unknown) => void;
  /** How long a request waits for the store at most; then this node decides alone. */
  readonly patienceMs: number;
}

/** One round at a time; what is asked meanwhile goes together in the next. */
export function openRounds({ store, clock, onFailure, patienceMs }: RoundsOptions): Rounds {
  const wanted = new Set<Share>();
  let flying: Promise<void> | undefined;
  let next: Promise<void> | undefined;
  let quiet = false;
  let failedMs = Number.NEGATIVE_INFINITY;
  let askedMs = Number.NEGATIVE_INFINITY;
  let peers = 1;

  async function run(): Promise<void> {
    const asked = [...wanted];
    wanted.clear();
    askedMs = clock.elapsedMs();
    const asks = asked.map((share) => share.ask(askedMs));
    try {
      const { leases, nodes } = await store.exchange(asks);
      const nowMs = clock.elapsedMs();
      leases.forEach((lease, index) => {
        asked[index]?.heard(lease, nowMs);
      });
      peers = Math.max(1, nodes);
      quiet = false;
    } catch (error) {
      asks.forEach((unanswered, index) => {
        asked[index]?.unheard(unanswered);
      });
      quiet = true;
      failedMs = clock.elapsedMs();
      onFailure(error);
    }
  }

  async function after(before: Promise<void> | undefined): Promise<void> {
    await before;
    const self = next;
    flying = self;
    next = undefined;
    await run();
    if (flying === self) flying = undefined;
  }

  function ask(which: readonly { readonly share: Share }[]): Promise<void> {
    for (const { share } of which) wanted.add(share);
    if (quiet && clock.elapsedMs() - failedMs < RETRY_MS) return Promise.resolve();
    next ??= after(flying);
    return next;
  }

  return {
    silent: () => quiet,
    nodes: () => peers,
    ask,
    async soon(which) {
      if ((await soonest(ask(which), patienceMs)) === 'late') quiet = true;
    },
    refill(which) {
      const nowMs = clock.elapsedMs();
      if (nowMs - askedMs < PACE_MS || next !== undefined) return;
      const low = which.filter(({ share }) => share.runsLow(nowMs));
      if (low.length > 0) void ask(low);
    },
  };
}

/** Whether work that never rejects is done within a time; it goes on in any case. */
export function soonest(work: Promise<void>, ms: number): Promise<'done' | 'late'> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve('late'), ms);
    void work.then(() => {
      clearTimeout(timer);
      resolve('done');
    });
  });
}
