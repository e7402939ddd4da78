import type { ExtendOutcome, HoldOutcome, SettleCommand, SettleOutcome } from '#charging/charging';
import { nanos } from '#kernel/money';
import { recordOf } from '#test/ledger-world';
import type { Chance } from './chance.ts';
import { type JOURNALED, LOST, type Node } from './node.ts';
import type { Simulation } from './simulation.ts';
import { Violation } from './witness.ts';
import { type Key, named, type Organization } from './world.ts';

type Told<T> = T | typeof LOST;

/** Requests one after the other, as a gateway makes them: hold, perhaps grow, settle or void. */
export async function customer(sim: Simulation, name: string, chance: Chance): Promise<void> {
  for (let errand = 0; errand < sim.weather.errands; errand++) {
    await sim.turn(name, 'begins a request');
    await request(sim, `${name}-${errand}`, chance);
  }
}

interface Asking {
  readonly sim: Simulation;
  readonly chance: Chance;
  readonly name: string;
  readonly organization: Organization;
  readonly key: Key;
  readonly requestId: SettleCommand['requestId'];
}

async function request(sim: Simulation, name: string, chance: Chance): Promise<void> {
  const organization = chance.pick(sim.organizations);
  const newest = organization.keys.at(-1);
  // The newest key is the one most likely to expire.
  const key = newest !== undefined && chance.happens(0.3) ? newest : chance.pick(organization.keys);
  const requestId = named('request', 'req_', `${sim.prefix}${name}`);
  const asking = { sim, chance, name, organization, key, requestId };
  let amount = drawAmount(sim, chance);
  let node = chance.pick(sim.nodes);
  const held = await hold(asking, node, amount);
  sim.operations += 1;
  if (held.outcome !== 'held') return;
  for (let more = 0; chance.happens(0.3) && more < 3; more++) {
    await sim.turn(name, 'wants more');
    amount += drawAmount(sim, chance);
    const extended = await extend(asking, node, amount);
    sim.operations += 1;
    if (extended.outcome === LOST.outcome) return;
  }
  for (let pause = chance.whole(0, 3); pause > 0; pause--) await sim.turn(name, 'reads');
  if (chance.happens(0.05)) return;
  if (chance.happens(0.1)) node = chance.pick(sim.nodes);
  await settle(asking, node, amount);
  sim.operations += 1;
}

function drawAmount({ weather }: Simulation, chance: Chance): bigint {
  if (chance.happens(0.08)) return BigInt(chance.whole(0, 1));
  return (weather.largest * BigInt(chance.whole(1, weather.thirst))) / 100n;
}

async function hold(asking: Asking, first: Node, amount: bigint): Promise<Told<HoldOutcome>> {
  const { sim, chance, name, organization, key, requestId } = asking;
  const command = { organizationId: organization.id, ...key, requestId, amount: nanos(amount) };
  let node = first;
  for (let tries = 1; ; tries++) {
    const ask = () => node.ask((life) => life.charging.hold(command));
    const asked = chance.happens(0.05) ? sim.twice(ask) : ask();
    const told = await asked;
    sim.checkTold(requestId, 'hold', told);
    const again = told.outcome === 'ledger_unavailable' || told.outcome === 'lost';
    if (!again || tries === 3 || chance.happens(0.5)) return told;
    node = chance.pick(sim.nodes);
    await sim.turn(name, 'asks again');
  }
}

async function extend(asking: Asking, node: Node, amount: bigint): Promise<Told<ExtendOutcome>> {
  const { sim, chance, organization, requestId } = asking;
  const command = { organizationId: organization.id, requestId, toAmount: nanos(amount) };
  const ask = () => node.ask((life) => life.charging.extend(command));
  const told = await (chance.happens(0.1) ? sim.twice(ask) : ask());
  sim.checkTold(requestId, 'extend', told);
  return told;
}

function drawSettlement(asking: Asking, amount: bigint): SettleCommand {
  const { sim, chance, organization, key, requestId } = asking;
  const percent = BigInt(chance.pick([0, 1, 50, 99, 100, 100, 130, 300]));
  const resolution = chance.happens(0.15) ? 'void' : 'settle';
  const loss = chance.happens(0.1) ? nanos(BigInt(chance.whole(1, 5))) : nanos(0n);
  const record = recordOf({ organizationId: organization.id, ...key }, { lossUsage: loss });
  const happened = sim.clock.business - chance.whole(0, 5_000);
  return {
    ...{ organizationId: organization.id, requestId, resolution, record },
    cost: nanos((amount * percent) / 100n),
    ...(chance.happens(0.1) ? { happenedAt: new Date(happened) } : {}),
  };
}

async function settle(asking: Asking, first: Node, amount: bigint): Promise<void> {
  const { sim, chance, name, requestId } = asking;
  const command = drawSettlement(asking, amount);
  let node = first;
  for (let tries = 1; ; tries++) {
    // What is on the disk before the answer survives the process (money rule 5).
    const journals = command.resolution === 'settle' && chance.happens(0.3);
    const ask = () =>
      node.ask((life): Promise<SettleOutcome | typeof JOURNALED> => {
        const happenedAt = command.happenedAt ?? life.now;
        return journals
          ? life.settleOrKeep({ ...command, resolution: 'settle', happenedAt })
          : life.charging.settle(command);
      });
    const told = await (chance.happens(0.05) ? sim.twice(ask) : ask());
    sim.checkTold(requestId, 'settle', told);
    if (told.outcome === 'rejected') throw new Violation(`${requestId} was rejected`);
    if (told.outcome !== 'ledger_unavailable' && told.outcome !== 'lost') break;
    if (told.outcome === 'lost' || tries === 3) return;
    await sim.turn(name, 'settles again');
    if (chance.happens(0.2)) node = chance.pick(sim.nodes);
  }
  if (!chance.happens(0.1)) return;
  // Told again, perhaps elsewhere and with another cost: nothing may come of it.
  await sim.turn(name, 'repeats itself');
  node = chance.pick(sim.nodes);
  const other = { ...command, cost: nanos(command.cost + 1n) };
  sim.store.faults.add('replayed_command', 'settle');
  sim.checkTold(requestId, 'settle', await node.ask((life) => life.charging.settle(other)));
}
