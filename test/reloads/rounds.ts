import { type NanoUsd, nanos, parseUsd, ZERO } from '#kernel/money';
import { evaluateDueReloads, evaluateReload } from '#payments/reload';
import { saveReloadSettings } from '#payments/reload-settings';
import { type ReloadsWorld, VISA } from './world.ts';

const usd = (text: string): NanoUsd => parseUsd(text) ?? ZERO;
const PROCESSOR_MS = 300;
const ASKER_EVERY = 100;

/**
 * Every request of a crowd has its hold; then all settle at once, on two nodes, through the threshold
 * and far below, with a slow processor. Jobs, timers and refusals ask meanwhile, from either node.
 */
export async function crossThreshold(
  world: ReloadsWorld,
  settlements: number,
): Promise<{ readonly settled: number; readonly charges: readonly bigint[] }> {
  const payer = await world.payer();
  const { organizationId } = payer;
  await world.save(payer, VISA);
  await world.give(payer, usd('50'));
  const [{ deps }] = world.nodes;
  const settings = {
    ...{ enabled: true, threshold: usd('10'), target: usd('50') },
    ...{ maxPerDay: 24, maxPerMonth: null },
  };
  await saveReloadSettings(deps, organizationId, settings, 'user_ada');
  await evaluateReload(deps, organizationId, 'settings_changed');
  const each = nanos(usd('45') / BigInt(settlements));
  const nodeOf = (index: number) => world.nodes[index % 2 === 0 ? 0 : 1];
  const crowd = Array.from({ length: settlements }, (_, index) => index);
  const held = await Promise.all(crowd.map((index) => world.hold(nodeOf(index), payer, each)));
  await world.faults({ api_delay_ms: PROCESSOR_MS });
  const settled = await Promise.all(
    crowd.map(async (index) => {
      const node = nodeOf(index);
      const outcome = await world.settle(node, payer, held[index], each);
      if (index % ASKER_EVERY === 0) await evaluateReload(node.deps, organizationId, 'credit_low');
      return outcome;
    }),
  );
  await Promise.all(world.nodes.map((node) => evaluateDueReloads(node.deps)));
  await evaluateReload(deps, organizationId, 'credit_low');
  await world.faults({ api_delay_ms: 0 });
  await saveReloadSettings(deps, organizationId, { ...settings, enabled: false }, 'user_ada');
  return { settled: settled.filter(Boolean).length, charges: await world.charged(payer) };
}
