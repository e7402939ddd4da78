import { setTimeout as pause } from 'node:timers/promises';
import { parseUsd, ZERO } from '#kernel/money';
import { listPurchases } from '#payments/purchases';
import { evaluateDueReloads, evaluateReload } from '#payments/reload';
import { readReload, saveReloadSettings } from '#payments/reload-settings';
import { Chance } from '../simulation/chance.ts';
import { type ReloadsWorld, VISA } from './world.ts';

const usd = (text: string) => parseUsd(text) ?? ZERO;

/** Long enough for every step of a reload to be the one that the switch meets. */
const SPREAD_MS = 40;

export interface Trial {
  readonly outcome: 'charged before' | 'never charged';
  /** What broke the promise, if anything did. */
  readonly wrong?: string;
}

/**
 * A reload is due on two nodes, and a person switches it off in the middle of it, in real time. Once
 * the person was told that nothing is under way, no card may be charged; then everybody asks again.
 */
export async function offWins(world: ReloadsWorld, trial: number): Promise<Trial> {
  const chance = new Chance(trial);
  const payer = await world.payer();
  const { organizationId } = payer;
  await world.save(payer, VISA);
  const [a, b] = world.nodes;
  const settings = {
    ...{ threshold: usd('10'), target: usd('50') },
    ...{ maxPerDay: 24, maxPerMonth: null },
  };
  const switchTo = (enabled: boolean) =>
    saveReloadSettings(b.deps, organizationId, { ...settings, enabled }, 'user_ada');
  const waitMs = chance.next() * 3 * SPREAD_MS;
  await switchTo(true);
  const askers = [a, b, a].map(async ({ deps }) => {
    await pause(chance.next() * SPREAD_MS);
    await evaluateReload(deps, organizationId, 'credit_low');
  });
  await pause(waitMs);
  await switchTo(false);
  // What a person is shown in the moment of being told that it is off.
  const view = await readReload(b.deps.pool, organizationId);
  const before = (await world.charged(payer)).length;
  await Promise.all(askers);
  await switchTo(false);
  for (const { deps } of world.nodes) {
    await evaluateReload(deps, organizationId, 'credit_low');
    await evaluateDueReloads(deps);
  }
  const after = (await world.charged(payer)).length;
  const purchases = await listPurchases(a.deps.pool, organizationId, 10);
  const outcome = after === 0 ? 'never charged' : 'charged before';
  const late = after > before && view.status !== 'reloading';
  const credited = purchases.filter(({ state }) => state === 'credited').length;
  if (late) return { outcome, wrong: 'charged after the answer that it is off' };
  if (after > 1) return { outcome, wrong: `${after} charges` };
  if (credited !== after) return { outcome, wrong: `${after} charged, ${credited} credited` };
  return { outcome };
}
