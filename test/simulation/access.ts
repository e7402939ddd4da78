import { createApiKey, revokeApiKey } from '#orgs/api-keys';
import { setOrganizationStatus } from '#orgs/organizations';
import type { Caller, Job } from './call.ts';
import type { Chance } from './chance.ts';
import { type Task, untilAnswered } from './office.ts';
import type { Simulation } from './simulation.ts';
import type { Key, Organization } from './world.ts';

const DAY_MS = 86_400_000;
/** One statement of a process. */
type Change = (life: Caller) => Promise<void>;

const PEPPER = Buffer.from('simulated');

/** Who may ask at all: keys and suspensions, changed while requests and the office are at work. */
export async function operator(sim: Simulation, name: string, chance: Chance): Promise<void> {
  const errands = Math.ceil(sim.weather.errands * chance.pick([0, 0.3, 1]));
  for (let errand = 0; errand < errands; errand++) {
    await sim.turn(name, 'begins');
    sim.operations += 1;
    const organization = someOrganization(sim, chance);
    const kind = chance.weighted([
      [4, 'key'],
      [2, 'revocation'],
      [sim.witness.suspended(organization.id) ? 12 : 1.5, 'standing'],
    ] as const);
    if (kind === 'key') {
      const key = newKey(sim, organization, `${sim.prefix}${name}-${errand}`, chance);
      await untilAnswered(sim, name, chance, key);
    } else {
      const change = kind === 'standing' ? standing : revocation;
      const work = change(sim, organization, chance);
      const node = chance.pick(sim.nodes);
      await node.ask((life) => work(life)).catch(() => {});
    }
  }
}

/** Rather one for whose book somebody waits: what was true before that must not admit anybody. */
function someOrganization(sim: Simulation, chance: Chance): Organization {
  const waited = sim.organizations.filter(({ id }) => sim.store.waitedFor.has(id));
  const suspended = sim.organizations.filter(({ id }) => sim.witness.suspended(id));
  // Who is suspended is soon let in again, or the rest of the seed would tell little.
  if (suspended.length > 0 && chance.happens(0.5)) return chance.pick(suspended);
  return chance.pick(waited.length > 0 && chance.happens(0.8) ? waited : sim.organizations);
}

/** A key that works until it expires: soon, in days, or never. Customers use it from then on. */
function newKey(sim: Simulation, organization: Organization, name: string, chance: Chance): Task {
  const { workspaceId } = chance.pick(organization.keys);
  const lastsMs = chance.pick([
    chance.whole(0, 80),
    chance.whole(0, 80),
    chance.whole(1, 3) * sim.weather.grantDays * DAY_MS,
    null,
  ]);
  const expires = lastsMs === null ? undefined : sim.clock.business + lastsMs;
  if (expires !== undefined) sim.instants.push(expires);
  const entropy = {
    bytes: (count: number) => Uint8Array.from({ length: count }, () => chance.whole(0, 255)),
    nowMs: () => sim.clock.business,
  };
  const input = {
    ...{ organizationId: organization.id, workspaceId, name, kind: 'workspace' as const },
    ...{ createdBy: null, ...(expires === undefined ? {} : { expiresAt: new Date(expires) }) },
  };
  // Asked again after a lost answer, it makes another one.
  let made: Key | undefined;
  return {
    ...{ kind: 'key', about: `${name} until ${expires ?? 'ever'}`, bookless: true },
    organization: organization.id,
    work: async (tx) => {
      const { id: apiKeyId } = await createApiKey(tx, { entropy, pepper: PEPPER }, input);
      made = { workspaceId, apiKeyId };
      return made;
    },
    follow: () => {
      const until = expires === undefined ? {} : { expiresAt: expires };
      const known = { workspace: workspaceId, revoked: false, ...until };
      if (made === undefined) throw new Error('no key was made');
      sim.witness.books.get(organization.id)?.ledger.keys.set(made.apiKeyId, known);
      organization.keys.push(made);
    },
  };
}

/** For good; a second time changes nothing. */
function revocation(sim: Simulation, { id, keys }: Organization, chance: Chance): Change {
  const { apiKeyId } = chance.pick(keys);
  const follow: Job['follow'] = ([row]) => {
    const key = sim.witness.books.get(id)?.ledger.keys.get(apiKeyId);
    // Nothing to move: then it must have been revoked before, and is asked for as it stands.
    if (row === undefined) return sim.witness.committed(`revoked ${apiKeyId}`, key?.revoked, true);
    if (key !== undefined) key.revoked = true;
    sim.witness.committed(`revocation of ${apiKeyId}`, row.status, 'revoked');
  };
  return async (life) => {
    const db = sim.store.jobs(life, { kind: 'revoke', access: id, follow });
    await revokeApiKey(db, { organizationId: id, id: apiKeyId });
  };
}

function standing(sim: Simulation, { id }: Organization): Change {
  const status = sim.witness.suspended(id) ? 'active' : 'suspended';
  const follow: Job['follow'] = ([row]) => {
    const books = sim.witness.books.get(id);
    if (books !== undefined) books.ledger.suspended = status === 'suspended';
    sim.witness.committed(`standing of ${id}`, row?.status, status);
  };
  return async (life) => {
    const kind = status === 'active' ? 'resume' : 'suspend';
    await setOrganizationStatus(sim.store.jobs(life, { kind, access: id, follow }), id, status);
  };
}
