import { kindOf } from '#notices/kinds';
import type { Recipient } from '#notices/recipients';
import { may, parseRole, type Role } from '#orgs/roles';
import type { Member } from '#orgs/watched';
import { TOLD_DUTIES, type ToldDuty } from './duties.ts';
import type { Facts } from './facts.ts';

/** What keeps a watcher from the duty. */
export type Note = 'unreached' | 'left' | 'may_not_buy';

export type Watcher =
  | {
      readonly kind: 'member';
      readonly email: string;
      /** Null once they have left. */
      readonly role: Role | null;
      readonly note: Note | null;
    }
  | { readonly kind: 'address'; readonly email: string; readonly note: Note | null }
  | { readonly kind: 'endpoint'; readonly host: string; readonly note: Note | null }
  | { readonly kind: 'program' | 'operator'; readonly note: null }
  | {
      readonly kind: 'card';
      readonly brand: string;
      readonly last4: string;
      readonly note: null;
    };

/** An address of the organization's own programs, whoever keeps these. */
export interface WatchingEndpoint {
  readonly url: string;
  /** None: every type. */
  readonly eventTypes: readonly string[];
  /** It is on, and took what was sent last. */
  readonly works: boolean;
}

/** Who took a decision, as far as that can be known. */
export type Actor =
  | { readonly by: 'person'; readonly email: string }
  | { readonly by: 'program' | 'operator' };

export const isPerson = ({ kind }: Watcher): boolean => kind === 'member' || kind === 'address';

const toldWatcher = (
  { address, reachedAs }: Recipient,
  unreached: ReadonlySet<string>,
): Watcher => {
  const note = unreached.has(address) ? 'unreached' : null;
  const role = parseRole(reachedAs);
  if (role === undefined) return { kind: 'address', email: address, note };
  return { kind: 'member', email: address, role, note };
};

/** The host alone: a path or a query may hold a secret of theirs. */
const hostOf = (url: string): string => (URL.canParse(url) ? new URL(url).host : 'an endpoint');

/** Endpoints that ask for everything the duty is about, those that fail included. */
const endpointWatchers = (duty: ToldDuty, endpoints: readonly WatchingEndpoint[]): Watcher[] => {
  const events = TOLD_DUTIES[duty].map((kind) => kindOf(kind).event);
  return endpoints
    .filter(({ eventTypes: asked }) => {
      if (asked.length === 0) return true;
      return events.every((event) => event !== null && asked.includes(event));
    })
    .map(({ url, works }) => ({
      ...{ kind: 'endpoint', host: hostOf(url) },
      note: works ? null : 'unreached',
    }));
};

/** Everybody who is told what a duty is about, with a note where that does not arrive. */
export function toldOf(duty: ToldDuty, { told, unreached, endpoints }: Facts): Watcher[] {
  const people = told[duty].map((one) => toldWatcher(one, unreached));
  return [...people, ...endpointWatchers(duty, endpoints)];
}

/** Whoever decided something, as they stand now. */
export const actorWatcher = (actor: Actor, members: readonly Member[]): Watcher => {
  if (actor.by !== 'person') return { kind: actor.by, note: null };
  const { email } = actor;
  const member = members.find((one) => one.email === email);
  if (member === undefined) return { kind: 'member', email, role: null, note: 'left' };
  const note = may(member.role, 'billing.buy') ? null : 'may_not_buy';
  return { kind: 'member', email, role: member.role, note };
};
