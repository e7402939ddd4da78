import type { NoticeSettings } from '#notices/settings';
import { TOPIC_ROWS, type Topic } from '#notices/topics';
import type { Role } from '#orgs/roles';
import type { Member } from '#orgs/watched';

export interface Recipient {
  readonly address: string;
  /** A role, `address` for one that was added, or `operator`. */
  readonly reachedAs: string;
}

export interface Audience {
  readonly settings: NoticeSettings;
  readonly members: readonly Member[];
  /** Added and confirmed, with what each wants to hear of. */
  readonly addresses: readonly { readonly address: string; readonly topics: readonly string[] }[];
  readonly optOuts: readonly { readonly address: string; readonly topic: string }[];
}

const LAST_RESORT: Role = 'admin';

/**
 * Who is told of a topic: members by their role of this moment, then added addresses, each address
 * once. Of what somebody must know nobody is excepted, and it goes to the admins rather than to nobody.
 */
export function recipientsOf(topic: Topic, audience: Audience): Recipient[] {
  const { settings, members } = audience;
  const { mandatory } = TOPIC_ROWS[topic];
  const stopped = new Set(
    audience.optOuts.filter((one) => one.topic === topic).map(({ address }) => address),
  );
  const found = new Map<string, Recipient>();
  const add = (address: string, reachedAs: string): void => {
    // An added address says no by being removed; a member only to what may be missed.
    if (stopped.has(address) && !(mandatory && reachedAs !== 'address')) return;
    if (!found.has(address)) found.set(address, { address, reachedAs });
  };
  for (const { email, role } of members) {
    if (settings.roles[topic].includes(role)) add(email, role);
  }
  for (const { address, topics } of audience.addresses) {
    if (topics.includes(topic)) add(address, 'address');
  }
  if (found.size === 0 && mandatory) {
    for (const { email, role } of members) if (role === LAST_RESORT) add(email, role);
  }
  return [...found.values()];
}
