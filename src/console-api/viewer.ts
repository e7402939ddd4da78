import type { FastifyReply, FastifyRequest } from 'fastify';
import { Fault } from '#kernel/assert';
import { type OrganizationId, parseId } from '#kernel/ids';
import { type Membership, membershipsOf } from '#orgs/members';
import { type Ability, may, ROLE_NAMES, type Role, whoMay } from '#orgs/roles';
import { sessionCookie } from './cookie.ts';
import type { ConsoleDeps } from './deps.ts';
import { refuse } from './refusals.ts';

/** The person behind a request, as the database has them at this moment. */
export interface Viewer {
  readonly userId: string;
  readonly email: string;
  readonly sessionToken: string;
  /** Runs this deployment: sees all organizations (`operator/`). */
  readonly operator: boolean;
  /** Signed in lately enough to move other people's money. */
  readonly fresh: boolean;
  readonly memberships: readonly Membership[];
  /** The organization looked at; undefined until the person belongs to one. */
  readonly current: CurrentOrganization | undefined;
}

export interface CurrentOrganization {
  readonly id: OrganizationId;
  readonly name: string;
  readonly role: Role;
}

/** A member who passed a guard: there is an organization, and the role allows the deed. */
export interface Member {
  readonly userId: string;
  readonly organizationId: OrganizationId;
}

const viewers = new WeakMap<FastifyRequest, Viewer>();

function currentOf(
  memberships: readonly Membership[],
  chosen: string | null,
): CurrentOrganization | undefined {
  // A choice that is no longer a membership falls back instead of letting anybody in.
  const found = memberships.find((m) => m.organizationId === chosen) ?? memberships[0];
  const id = found === undefined ? undefined : parseId('organization', found.organizationId);
  if (found === undefined || id === undefined) return undefined;
  return { id, name: found.organizationName, role: found.role };
}

export async function readViewer(
  deps: ConsoleDeps,
  request: FastifyRequest,
): Promise<Viewer | undefined> {
  const token = sessionCookie(request);
  if (token === undefined) return undefined;
  const session = await deps.identity.readSession(token);
  if (session === undefined) return undefined;
  const memberships = await membershipsOf(deps.pool, session.userId);
  return {
    userId: session.userId,
    email: session.email,
    sessionToken: token,
    operator: deps.operators?.has(session.email) === true,
    fresh: session.fresh,
    memberships,
    current: currentOf(memberships, session.organizationId),
  };
}

export type Guard = (
  request: FastifyRequest,
  reply: FastifyReply,
) => Promise<FastifyReply | undefined>;

/** Lets in who is signed in. Runs before the body is read. */
export function signedIn(deps: ConsoleDeps): Guard {
  return async (request, reply) => {
    const viewer = await readViewer(deps, request);
    if (viewer === undefined) return refuse(reply, 'not_signed_in');
    viewers.set(request, viewer);
    return undefined;
  };
}

const DEEDS: Record<Ability, string> = {
  'billing.buy': 'Buying credits',
  'billing.view': 'Seeing the balance',
  'keys.manage': 'Managing API keys',
  'usage.view': 'Seeing usage',
  'members.manage': 'Managing members',
  'limits.manage': 'Setting limits',
  'webhooks.manage': 'Managing webhooks',
  'playground.use': 'Using the playground',
};

/** Lets in who is signed in and whose role in the organization looked at has the ability. */
export function withAbility(deps: ConsoleDeps, ability: Ability): Guard {
  const known = signedIn(deps);
  return async (request, reply) => {
    const refused = await known(request, reply);
    if (refused !== undefined) return refused;
    const { current } = viewerOf(request);
    if (current === undefined) return refuse(reply, 'no_organization');
    if (may(current.role, ability)) return undefined;
    return refuse(reply, 'forbidden', {
      message:
        `${DEEDS[ability]} in ${current.name} needs the role ${whoMay(ability)}; ` +
        `yours is ${ROLE_NAMES[current.role]}.`,
      nextStep: `Ask someone with the role ${whoMay(ability)}.`,
    });
  };
}

export function viewerOf(request: FastifyRequest): Viewer {
  const viewer = viewers.get(request);
  if (viewer === undefined) throw new Fault('a route reads the viewer without a guard');
  return viewer;
}

export function memberOf(request: FastifyRequest): Member {
  const viewer = viewerOf(request);
  if (viewer.current === undefined) throw new Fault('a route reads the member without a guard');
  return { userId: viewer.userId, organizationId: viewer.current.id };
}
