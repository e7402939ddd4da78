import { setTimeout as sleep } from 'node:timers/promises';
import type { Charging, SettleCommand } from '#charging/charging';
import type { JournalOutcome } from '#charging/journal';
import { type NanoUsd, nanos, ZERO } from '#kernel/money';
import { newRequest, type Payer, recordOf } from '#test/ledger-world';
import type { Chance } from './chance.ts';
import { tell } from './reports.ts';

/** What a gateway has of charging: settlements go through the journal. */
export interface Gateway {
  readonly hold: Charging['hold'];
  readonly extend: Charging['extend'];
  readonly settle: (command: SettleCommand) => Promise<JournalOutcome>;
}

/** How long an ending waits for the ledger before it is written off, as the gateway does. */
const PATIENCE_MS = 1_200;

/** One request as a gateway has it: hold, the upstream answers for a while, settle or void. */
export async function request(gateway: Gateway, payer: Payer, chance: Chance): Promise<void> {
  const id = newRequest();
  const amount = nanos(BigInt(chance.between(200_000, 2_000_000)));
  tell({ t: 'asks', id, org: payer.organizationId, amount });
  let placed = await gateway.hold({ ...payer, requestId: id, amount });
  while (placed.outcome === 'ledger_unavailable' && chance.happens(0.6)) {
    // F2: the answer may have been lost behind the commit; asking again finds the same hold.
    await sleep(chance.between(20, 150));
    placed = await gateway.hold({ ...payer, requestId: id, amount });
  }
  tell({ t: 'asked', id, outcome: placed.outcome });
  if (placed.outcome !== 'held') {
    await sleep(chance.between(5, 30));
    return;
  }
  // Some last longer than a lease, so that renewals decide.
  await sleep(chance.happens(0.03) ? chance.between(400, 1_200) : chance.between(1, 25));
  if (chance.happens(0.12)) {
    const toAmount = nanos((amount * 3n) / 2n);
    await gateway.extend({ organizationId: payer.organizationId, requestId: id, toAmount });
  }
  await resolve(gateway, ending(payer, id, amount, chance), chance);
}

function ending(
  payer: Payer,
  requestId: SettleCommand['requestId'],
  held: NanoUsd,
  chance: Chance,
): SettleCommand {
  const { organizationId } = payer;
  const used = nanos((held * BigInt(chance.between(20, 100))) / 100n);
  if (chance.happens(0.15)) {
    const lossUsage = chance.happens(0.5) ? used : ZERO;
    const record = recordOf(payer, { rule: lossUsage > 0n ? 'S7' : 'S6', lossUsage });
    return { organizationId, requestId, resolution: 'void', cost: ZERO, record };
  }
  const cost = chance.happens(0.05) ? nanos(held + used) : used;
  return { organizationId, requestId, resolution: 'settle', cost, record: recordOf(payer) };
}

async function resolve(gateway: Gateway, command: SettleCommand, chance: Chance): Promise<void> {
  const until = performance.now() + PATIENCE_MS;
  for (let current = command; ; ) {
    const outcome = await attempt(gateway, current);
    if (outcome !== 'ledger_unavailable') {
      // F7, F8: whoever is not sure asks again, and must not pay again.
      if (chance.happens(0.06)) await attempt(gateway, current);
      return;
    }
    await sleep(chance.between(30, 150));
    if (performance.now() > until) current = writtenOff(command);
  }
}

/** As the gateway releases a hold whose answer it had to withhold. */
const writtenOff = (command: SettleCommand): SettleCommand => ({
  ...command,
  resolution: 'void',
  cost: ZERO,
  record: {
    ...command.record,
    rule: 'S8',
    lossUsage: command.resolution === 'settle' ? command.cost : command.record.lossUsage,
  },
});

async function attempt(gateway: Gateway, command: SettleCommand): Promise<string> {
  const { requestId: id, resolution, cost } = command;
  tell({ t: 'resolves', id, resolution, cost, loss: command.record.lossUsage });
  const answer = await gateway.settle(command);
  const charged = 'charged' in answer ? { charged: answer.charged } : {};
  tell({ t: 'resolved', id, outcome: answer.outcome, ...charged });
  return answer.outcome;
}
