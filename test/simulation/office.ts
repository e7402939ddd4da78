import { expireLapsedHolds } from '#charging/lapse';
import { setSpendLimit } from '#charging/limits';
import type { Db } from '#db/pool';
import { nanos } from '#kernel/money';
import { bookStoppedGrants } from '#ledger/breakage';
import { freezeGrant, releaseFreeze, seizeFreeze } from '#ledger/disputes';
import { issueGrant } from '#ledger/grants';
import { refundFailed, refundGrant, refundPaid } from '#ledger/refunds';
import { voidGrant } from '#ledger/voiding';
import { monthOf } from '#test/ledger-model';
import type { Caller, Job, OfficeWork } from './call.ts';
import type { Chance } from './chance.ts';
import { LOST } from './node.ts';
import type { Simulation } from './simulation.ts';
import { takeOver } from './takeover.ts';
import { grantNamed, type Organization } from './world.ts';

export type Task = OfficeWork<object>;

const DAY_MS = 86_400_000;
const JOBS_AT_ONCE = 100;

/** Grants, disputes, refunds, limits and the jobs of the worker, beside the customers. */
export async function office(sim: Simulation, name: string, chance: Chance): Promise<void> {
  const errands = sim.weather.errands * 2;
  for (let errand = 0; errand < errands; errand++) {
    await sim.turn(name, 'begins');
    sim.operations += 1;
    if (chance.happens(0.25)) await job(sim, chance);
    else
      await untilAnswered(sim, name, chance, task(sim, `${sim.prefix}${name}-${errand}`, chance));
  }
}

/** A command whose answer is lost is asked again, perhaps of another node; at most three times. */
export async function untilAnswered(
  sim: Simulation,
  name: string,
  chance: Chance,
  work: Task,
): Promise<void> {
  for (let tries = 1; tries <= 3; tries++) {
    const node = chance.pick(sim.nodes);
    const told = await node.ask((life) => sim.store.office(life, work)).catch(() => LOST);
    if (told !== LOST && !chance.happens(0.1)) return;
    if (told !== LOST) sim.store.faults.add('replayed_command', work.kind);
    await sim.turn(name, 'asks again');
  }
}

/** Gives an organization its first credit, before anything can go wrong. */
export function firstGrant(sim: Simulation, organization: Organization, chance: Chance): Task {
  return grant(sim, organization, `${organization.id.slice(4)}-first`, 'purchase', chance);
}

function grant(
  sim: Simulation,
  { id: organization }: Organization,
  name: string,
  kind: 'purchase' | 'promotional' | 'adjustment',
  chance: Chance,
): Task {
  const { largest, grantDays } = sim.weather;
  const amount = nanos((largest * BigInt(chance.whole(10, 400))) / 100n + 1n);
  const tax =
    kind === 'purchase' ? nanos((amount * BigInt(chance.pick([0, 7, 19]))) / 100n) : nanos(0n);
  const ownExpiry = chance.happens(0.8);
  const days = chance.whole(1, 3) * grantDays;
  const age = chance.pick([0, 0, 1, 40]) * DAY_MS;
  const happenedAt = new Date(sim.clock.business - age);
  const expiresAt = new Date(sim.clock.business + days * DAY_MS);
  const terms = { ...(age > 0 ? { happenedAt } : {}), ...(ownExpiry ? { expiresAt } : {}) };
  const grantId = grantNamed(name);
  if (ownExpiry) sim.instants.push(expiresAt.getTime());
  const source = `pi_${name}`;
  return {
    ...{ kind: 'grant', about: `${name} ${amount}`, organization },
    work: async (tx) => {
      const what = { organizationId: organization, grantId, kind, amount, tax, source, ...terms };
      const { expiresAt: _, ...told } = await issueGrant(tx, what);
      return told;
    },
    follow: (told, at) => {
      const { grants } = sim.witness.at(organization, at);
      const expected = grants.issue({
        ...{ id: grantId, kind, source, amount, tax },
        ...(age > 0 ? { grantedAt: happenedAt.getTime() } : {}),
        ...(ownExpiry ? { expiresAt: expiresAt.getTime() } : {}),
      });
      sim.witness.committed(`grant ${name}`, told, expected);
    },
  };
}

type Ended = 'release' | 'seize' | 'refund paid' | 'refund failed';

/** Mostly of something that is there to be disputed, refunded or taken back. */
function task(sim: Simulation, name: string, chance: Chance): Task {
  const organization = chance.pick(sim.organizations);
  const books = sim.witness.books.get(organization.id);
  const known = books?.ledger.grants ?? [];
  const [bought, given] = [true, false].map((paid) =>
    known.filter(({ kind }) => (kind === 'purchase') === paid).map(({ id }) => id.slice(6)),
  );
  const of = (names: readonly string[] | undefined): string =>
    chance.pick([
      ...(chance.happens(0.1) ? known.map(({ id }) => id.slice(6)) : (names ?? [])),
      'nothing',
    ]);
  const open = [...(books?.grants.freezes ?? [])].filter(([, { state }]) => state === 'frozen');
  const asked = [...(books?.grants.refunds ?? [])].filter(([, { state }]) => state !== 'failed');
  const some = (names: readonly string[] | undefined, weight: number): number =>
    (names ?? []).length > 0 ? weight : 0.05;
  const kind = chance.weighted([
    [4, 'purchase'],
    [2, 'promotional'],
    [1, 'adjustment'],
    [some(bought, 4), 'freeze'],
    [
      some(
        open.map(([id]) => id),
        3,
      ),
      'release',
    ],
    [
      some(
        open.map(([id]) => id),
        5,
      ),
      'seize',
    ],
    [some(bought, 3), 'refund'],
    [
      some(
        asked.map(([id]) => id),
        2,
      ),
      'refund paid',
    ],
    [
      some(
        asked.map(([id]) => id),
        3,
      ),
      'refund failed',
    ],
    [some(given, 2), 'void'],
  ] as const);
  // Now and then one that has ended: nothing may come of it.
  const old = chance.happens(0.15);
  const disputes = old || open.length === 0 ? [...(books?.grants.freezes ?? [])] : open;
  const refunds = old || asked.length === 0 ? [...(books?.grants.refunds ?? [])] : asked;
  const named = (among: readonly (readonly [string, unknown])[], otherwise: string): string =>
    among.length === 0 ? otherwise : chance.pick(among)[0];
  switch (kind) {
    case 'purchase':
    case 'promotional':
    case 'adjustment':
      return grant(sim, organization, name, kind, chance);
    case 'freeze':
      return freeze(sim, organization, `dp_${name}`, of(bought));
    case 'refund':
      return refund(sim, organization, `re_${name}`, of(bought), chance);
    case 'void':
      return voiding(sim, organization, of(given));
    case 'release':
    case 'seize':
      return end(sim, organization, kind, named(disputes, 'dp_nothing'), chance);
    default:
      return end(sim, organization, kind, named(refunds, 're_nothing'), chance);
  }
}

function freeze(sim: Simulation, { id }: Organization, reference: string, name: string): Task {
  const grantId = grantNamed(name);
  return {
    ...{ kind: 'freeze', about: `${reference} of ${name}`, organization: id },
    work: (tx) => freezeGrant(tx, { organizationId: id, reference, grantId }),
    follow: (told, at) => {
      const expected = sim.witness.at(id, at).grants.freeze(reference, grantId);
      sim.witness.committed(`freeze ${reference}`, told, expected);
    },
  };
}

function refund(
  sim: Simulation,
  { id }: Organization,
  reference: string,
  name: string,
  chance: Chance,
): Task {
  const grantId = grantNamed(name);
  const part = nanos((sim.weather.largest * BigInt(chance.whole(1, 200))) / 100n + 1n);
  const amount = chance.happens(0.5) ? 'all' : part;
  const unit = nanos(chance.pick([1n, 1n, 2n, 10n]));
  return {
    ...{ kind: 'refund', about: `${reference} of ${name}`, organization: id },
    work: (tx) => refundGrant(tx, { organizationId: id, reference, grantId, amount, unit }),
    follow: (told, at) => {
      const expected = sim.witness.at(id, at).grants.refund(reference, grantId, amount, unit);
      sim.witness.committed(`refund ${reference}`, told, expected);
    },
  };
}

function voiding(sim: Simulation, { id }: Organization, name: string): Task {
  const grantId = grantNamed(name);
  return {
    ...{ kind: 'void grant', about: name, organization: id },
    work: (tx) => voidGrant(tx, { organizationId: id, grantId, reason: 'simulated' }),
    follow: (told, at) => {
      sim.witness.committed(`void ${name}`, told, sim.witness.at(id, at).grants.void(grantId));
    },
  };
}

function end(
  sim: Simulation,
  { id }: Organization,
  kind: Ended,
  reference: string,
  chance: Chance,
): Task {
  const whole = chance.happens(0.6);
  const claimed = nanos((sim.weather.largest * BigInt(chance.whole(0, 200))) / 100n);
  const which = { organizationId: id, reference };
  const work = (tx: Db): Promise<object> => {
    if (kind === 'release') return releaseFreeze(tx, which);
    if (kind === 'seize') return seizeFreeze(tx, { ...which, ...(whole ? {} : { claimed }) });
    return kind === 'refund paid' ? refundPaid(tx, which) : refundFailed(tx, which);
  };
  return {
    ...{ kind, about: reference, organization: id, work },
    follow: (told, at) => {
      const { grants } = sim.witness.at(id, at);
      const expected = {
        release: () => grants.release(reference),
        seize: () => grants.seize(reference, whole ? undefined : claimed),
        'refund paid': () => grants.refundPaid(reference),
        'refund failed': () => grants.refundFailed(reference),
      }[kind]();
      sim.witness.committed(`${kind} ${reference}`, told, expected);
    },
  };
}

async function job(sim: Simulation, chance: Chance): Promise<void> {
  const node = chance.pick(sim.nodes);
  const which = chance.weighted([
    [3, sweep],
    [3, breakage],
    [3, limit],
    [5, takeOver],
  ]);
  await node.ask((life) => which(sim, life, chance)).catch(() => {});
}

export async function sweep(sim: Simulation, life: Caller): Promise<void> {
  const sweeping = { kind: 'sweep', follow: () => {} };
  await expireLapsedHolds(sim.store.jobs(life, sweeping), JOBS_AT_ONCE);
}

export async function breakage(sim: Simulation, life: Caller): Promise<void> {
  const booking: Job = {
    kind: 'breakage',
    follow: ([row], at, locked) => {
      let changed = 0;
      for (const organization of [...sim.witness.books.keys()].toSorted()) {
        if (locked.has(organization)) continue;
        if (sim.witness.at(organization, at).grants.book()) changed += 1;
      }
      sim.witness.committed('breakage job', row?.changed, changed);
    },
  };
  await bookStoppedGrants(sim.store.jobs(life, booking), JOBS_AT_ONCE);
}

/** Asked twice now and then: the same limit set again changes nothing. */
async function limit(sim: Simulation, life: Caller, chance: Chance): Promise<void> {
  const { id, keys } = chance.pick(sim.organizations);
  const key = chance.pick(keys);
  const [level, subjectId] = chance.pick([
    ['organization', id],
    ['workspace', key.workspaceId],
    ['api_key', key.apiKeyId],
  ] as const);
  const some = nanos((sim.weather.largest * BigInt(chance.whole(1, 400))) / 100n);
  const amount = chance.pick([some, some, some, nanos(0n), null]);
  const action = chance.happens(0.8) ? 'notify_and_pause' : 'notify_only';
  const follow: Job['follow'] = ([row], at) => {
    const { ledger } = sim.witness.at(id, at);
    const others = ledger.limits.filter((l) => l.level !== level || l.subject !== subjectId);
    const pauses = action === 'notify_and_pause';
    const earlier = ledger.limits.find((l) => l.level === level && l.subject === subjectId);
    const since = earlier?.since ?? monthOf(at.business);
    const set = amount === null ? [] : [{ level, subject: subjectId, amount, pauses, since }];
    ledger.limits.splice(0, ledger.limits.length, ...others, ...set);
    sim.witness.committed(`limit of ${subjectId}`, row?.outcome, 'set');
  };
  const db = sim.store.jobs(life, { kind: 'limit', organization: id, follow });
  const change = {
    organizationId: id,
    level,
    subjectId,
    amount,
    action,
    setBy: 'simulated',
  } as const;
  await setSpendLimit(db, change);
  if (chance.happens(0.2)) await setSpendLimit(db, change);
}
