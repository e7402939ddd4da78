import { setTimeout as sleep } from 'node:timers/promises';
import type { Charging, SettleCommand } from '#charging/charging';
import type { Disk } from '#charging/journal-disk';
import { openPool } from '#db/pool';
import { newId } from '#kernel/ids';
import { type NanoUsd, ZERO } from '#kernel/money';
import { systemEntropy } from '#src/system';
import type { Grant } from './purchases.ts';
import type { Gateway } from './requests.ts';

/** Bugs planted on purpose: a run with one must turn red, or the checks guard nothing. */
export const PLANTS = {
  'early-ack': 'a settlement is acknowledged before it is committed',
  'new-name': 'a settlement that had to be journaled is booked as another request as well',
  'paper-journal': 'a settlement counts as journaled, and nothing is on the disk',
  'open-door': 'a hold that the store did not answer counts as held',
  'grant-again': 'a payment told twice is granted twice',
  'no-lease': 'a hold whose process died is never free again',
  'settle-again': 'the database settles what has been settled',
  'async-commit': 'PostgreSQL acknowledges before the log is written (synchronous_commit off)',
} as const;

export type Plant = keyof typeof PLANTS;
export const isPlant = (name: string): name is Plant => Object.hasOwn(PLANTS, name);

/** Settings of the server that a plant changes. */
export const plantedSettings = (plant: string | undefined): string[] =>
  plant === 'async-commit' ? ['synchronous_commit=off'] : [];

/** Changes the database as its owner. Fails loudly where the code has moved on. */
export async function plantInDatabase(plant: string | undefined, ownerUrl: string): Promise<void> {
  if (plant !== 'settle-again') return;
  const pool = openPool({ url: ownerUrl, name: 'chaos plant', max: 1 });
  try {
    const [row] = await pool.query<{ source: string }>({
      text: `SELECT pg_get_functiondef(p.oid) AS source FROM pg_proc p
              WHERE p.pronamespace = 'ledger'::regnamespace AND p.proname = 'settle'`,
    });
    const source = row?.source ?? '';
    const planted = source.replace(
      "NOT IN ('open', 'expired')",
      "NOT IN ('open', 'expired', 'settled', 'settled_late')",
    );
    if (planted === source) throw new Error('ledger.settle has changed: plant this anew');
    await pool.query({ text: planted });
    // The second guard: one metering row per request.
    await pool.query({ text: 'ALTER TABLE metering.requests DROP CONSTRAINT requests_pkey' });
  } finally {
    await pool.close();
  }
}

export function plantedGrant(plant: string | undefined, grant: Grant): Grant {
  if (plant !== 'grant-again') return grant;
  return (purchase) =>
    grant({ ...purchase, source: `${purchase.source}:${newId('purchase', systemEntropy)}` });
}

/** A disk that says yes and forgets. */
export function plantedDisk(plant: string | undefined, disk: Disk): Disk {
  if (plant !== 'paper-journal') return disk;
  return {
    ...disk,
    create: async (name) => ({ ...(await disk.create(name)), append: async () => {} }),
  };
}

export function plantedGateway(plant: string | undefined, gateway: Gateway): Gateway {
  if (plant !== 'new-name') return gateway;
  return {
    ...gateway,
    async settle(command) {
      const outcome = await gateway.settle(command);
      if (outcome.outcome === 'journaled') await bookAnew(gateway, command);
      return outcome;
    },
  };
}

async function bookAnew(gateway: Gateway, command: SettleCommand): Promise<void> {
  const { organizationId, cost, record } = command;
  const requestId = newId('request', systemEntropy);
  const renamed = { organizationId, requestId, amount: cost, ...record };
  for (let tries = 0; tries < 60; tries++) {
    if ((await gateway.hold(renamed)).outcome !== 'ledger_unavailable') break;
    await sleep(50);
  }
  await gateway.settle({ ...command, requestId });
}

export function plantedCharging(plant: string | undefined, charging: Charging): Charging {
  switch (plant) {
    case 'early-ack':
      return earlyAck(charging);
    case 'open-door':
      return { ...charging, hold: (command) => openDoor(charging, command) };
    default:
      return charging;
  }
}

function earlyAck(charging: Charging): Charging {
  const held = new Map<string, NanoUsd>();
  return {
    ...charging,
    hold(command) {
      held.set(command.requestId, command.amount);
      return charging.hold(command);
    },
    async settle(command) {
      const bound = held.get(command.requestId) ?? ZERO;
      const committed = charging.settle(command);
      // Only where the charge is known beforehand, so that nothing but the order is wrong.
      if (command.cost > bound) return committed;
      const outcome = command.resolution === 'void' ? 'voided' : 'settled';
      return { outcome, charged: command.cost, available: ZERO, flags: [] };
    },
  };
}

async function openDoor(charging: Charging, command: Parameters<Charging['hold']>[0]) {
  const outcome = await charging.hold(command);
  if (outcome.outcome !== 'ledger_unavailable') return outcome;
  const asOf = { epoch: 0n, now: new Date(0) };
  return { outcome: 'held', available: ZERO, asOf } as const;
}
