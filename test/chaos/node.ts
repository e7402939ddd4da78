// A node of its own process: charges requests and books purchases until it is told to rest or killed.
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { openCharging } from '#charging/charging';
import { openJournal } from '#charging/journal';
import { localDisk } from '#charging/journal-disk';
import { openLanes } from '#charging/lanes';
import { startOf } from '#db/embedded/alive';
import { openPool } from '#db/pool';
import { systemClock, systemEntropy } from '#src/system';
import { chanceOf } from './chance.ts';
import { plantedCharging, plantedDisk, plantedGateway, plantedGrant } from './plants.ts';
import { deliver, grantOn } from './purchases.ts';
import { type Order, readOrder, tell } from './reports.ts';
import { request } from './requests.ts';

const WORKERS = 24;
/** Short, so that what a dead node held is free again within a round. */
const LEASE_MS = 900;
const RENEW_EVERY_MS = 250;
/** As the gateway has them, but a lost server is noticed within a round. */
const LANE = { statementTimeoutMs: 3_000, lockTimeoutMs: 500, connectTimeoutMs: 1_000 };

/** So that the living take over the journals of the dead within a round. */
const LOOK_AGAIN_MS = 400;

const url = process.env.DATABASE_URL;
const folder = process.env.CHAOS_JOURNAL;
if (url === undefined || folder === undefined) {
  throw new Error('a node needs DATABASE_URL and CHAOS_JOURNAL');
}
const plant = process.env.CHAOS_PLANT;

/** A store that is gone is expected here; one that refuses what we ask of it is not. */
function refusedByDatabase(error: unknown): void {
  if (!(error instanceof Error && 'code' in error && typeof error.code === 'string')) return;
  if (!/^(?:0A|22|23|42|BU|P0|XX)/.test(error.code)) return;
  tell({ t: 'trouble', why: `the database refused: ${error.code} ${error.message}` });
}

const pool = openPool({ url, name: 'chaos purchases', max: 2, connectTimeoutMs: 1_000 });
const grant = plantedGrant(plant, grantOn(pool));
const charging = plantedCharging(
  plant,
  openCharging({
    ...openLanes(url, LANE),
    // As if four were many, so that what is killed has often committed and not flushed.
    unflushedFrom: 4,
    leaseMs: plant === 'no-lease' ? 3_600_000 : LEASE_MS,
    renewEveryMs: RENEW_EVERY_MS,
    onFailure: refusedByDatabase,
  }),
);
const silent = { info: () => {}, warn: () => {}, error: () => {} };
const journal = await openJournal({
  disk: plantedDisk(plant, await localDisk(folder)),
  settle: (command) => charging.settle(command),
  clock: systemClock,
  entropy: systemEntropy,
  owner: { pid: process.pid, began: startOf(process.pid) ?? '0' },
  lives: ({ pid, began }) => startOf(pid) === began,
  log: silent,
  lookAgainMs: LOOK_AGAIN_MS,
});
const gateway = plantedGateway(plant, {
  hold: (command) => charging.hold(command),
  extend: (command) => charging.extend(command),
  settle: (command) => journal.settle(command),
});

let resting = true;
let working: Promise<unknown> = Promise.resolve();

async function work(order: Extract<Order, { do: 'go' }>): Promise<void> {
  const chance = chanceOf(order.seed);
  const [hot] = order.payers;
  if (hot === undefined) throw new Error('nobody to charge');
  const worker = async (own: typeof chance): Promise<void> => {
    while (!resting) {
      await request(gateway, own.happens(0.5) ? hot : own.pick(order.payers), own);
    }
  };
  const workers = Array.from({ length: WORKERS }, (_, index) => worker(chance.fork(`w${index}`)));
  const deliveries = deliver(order.purchases, grant, chance.fork('purchases'), () => resting);
  await Promise.all([...workers, deliveries]);
}

async function obey(order: Order): Promise<void> {
  if (order.do === 'go') {
    resting = false;
    working = work(order);
    return;
  }
  resting = true;
  await working;
  // The answers of commands repeated by the batcher are in; nothing is on its way any more.
  await sleep(0);
  tell({ t: 'rested' });
}

const failed = (error: unknown): void => {
  const why = error instanceof Error ? error.message : String(error);
  tell({ t: 'trouble', why: `a node ended by itself: ${why}` });
  process.exit(1);
};
process.on('uncaughtException', failed);
process.on('unhandledRejection', failed);

// The driver's end of stdin closes however it dies, and then nobody is left to work for.
const lines = createInterface({ input: process.stdin });
lines.on('line', (line) => void obey(readOrder(line)).catch(failed));
lines.on('close', () => process.exit(0));

tell({ t: 'ready' });
