import { openPool, type Pool, type PoolOptions } from '#db/pool';

/** What charging runs on: one connection each. */
export interface Lanes {
  readonly holdLane: Pool;
  readonly settleLane: Pool;
  readonly flushLane: Pool;
  close(): Promise<void>;
}

/** The lanes of a process on a database. Their sessions are ordinary ones: what waits is said by batch. */
export function openLanes(url: string, options: Partial<PoolOptions> = {}): Lanes {
  const lane = (name: string): Pool => openPool({ ...options, url, name, max: 1 });
  const [holdLane, settleLane, flushLane] = [lane('holds'), lane('settlements'), lane('flushes')];
  return {
    ...{ holdLane, settleLane, flushLane },
    async close() {
      await Promise.all([holdLane, settleLane, flushLane].map((pool) => pool.close()));
    },
  };
}
