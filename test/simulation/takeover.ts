import { type ClaimOutcome, claimKey, type KeyClaim } from '#charging/idempotency';
import type { RequestId } from '#kernel/ids';
import type { LedgerModel, ModelHold } from '#test/ledger-model';
import type { Caller, Instant, Job, Row } from './call.ts';
import type { Chance } from './chance.ts';
import type { Simulation } from './simulation.ts';
import { named } from './world.ts';

/** How long a key is its request's, in business time. */
const KEY_MS = 86_400_000;

/**
 * An Idempotency-Key is a request's, and another request asks for it: by preference after the first
 * one's lease has passed, when its late settlement may still be on the way.
 */
export async function takeOver(sim: Simulation, life: Caller, chance: Chance): Promise<void> {
  const { id, keys } = chance.pick(sim.organizations);
  const books = sim.witness.books.get(id);
  const holds = [...(books?.ledger.holds.values() ?? [])];
  const lapsed = holds.filter((hold) => isLapsed(hold, sim.clock.real));
  const hold = chance.pick([...(lapsed.length > 0 ? lapsed : holds), undefined]);
  if (hold === undefined) return;
  const name = `${sim.prefix}k${chance.whole(0, 999_999_999)}`;
  const claim: KeyClaim = {
    ...{ organizationId: id, apiKeyId: chance.pick(keys).apiKeyId, key: name },
    ...{ asked: Buffer.alloc(32), requestId: idOf(hold.id) },
  };
  let claimedAt = 0;
  const first: Job = {
    kind: 'claim',
    follow: ([row], at) => {
      claimedAt = at.business;
      sim.witness.committed(`claim ${name}`, told(row), { outcome: 'claimed' });
    },
  };
  await claimKey(sim.store.jobs(life, first), claim);
  const second: Job = {
    ...{ kind: 'take over', organization: id },
    follow: ([row], at) => {
      const { ledger } = sim.witness.at(id, at);
      const expected = standing(ledger, hold.id, at, claimedAt + KEY_MS);
      sim.witness.committed(`take over ${name}`, told(row), expected);
    },
  };
  const requestId = named('request', 'req_', name);
  await claimKey(sim.store.jobs(life, second), { ...claim, requestId });
}

/** One of the two is charged: who was settled keeps the key, who lapsed loses it for good. */
function standing(ledger: LedgerModel, id: string, at: Instant, until: number): ClaimOutcome {
  const hold = ledger.holds.get(id);
  if (hold === undefined) throw new Error(`no hold ${id}`);
  const requestId = idOf(id);
  if (isLapsed(hold, at.real)) {
    ledger.lapse();
    hold.state = 'superseded';
  }
  if (hold.state === 'open') return { outcome: 'in_flight', requestId };
  const charged = hold.state === 'settled' || hold.state === 'settled_late';
  return charged && until > at.business
    ? { outcome: 'finished', requestId }
    : { outcome: 'claimed' };
}

const isLapsed = (hold: ModelHold, real: number): boolean =>
  hold.state === 'expired' || (hold.state === 'open' && hold.leaseUntil <= real);

const idOf = (id: string): RequestId => named('request', 'req_', id.slice('req_'.length));

const told = (row: Row | undefined): unknown =>
  row?.outcome === 'claimed'
    ? { outcome: row.outcome }
    : { outcome: row?.outcome, requestId: row?.request_id };
