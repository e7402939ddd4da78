import type { DutyView, WatcherView } from '#console-api/watching/contract';
import { roleName } from '../../ui/roles.ts';
import { cardName } from './card-words.ts';

const NOTES: Readonly<Record<NonNullable<WatcherView['note']>, string>> = {
  unreached: 'could not be reached lately',
  left: 'no longer a member',
  may_not_buy: 'may not buy',
};

/** A card is missing where somebody would be nobody. */
export const stateWord = ({ duty, state }: Pick<DutyView, 'duty' | 'state'>): string => {
  if (state === 'nobody') return duty === 'card' ? 'Missing' : 'Nobody';
  return state === 'ok' ? 'In order' : 'Worth a look';
};

/** Above those that nobody does. */
export const missingTitle = (missing: readonly Pick<DutyView, 'duty'>[]): string => {
  if (missing.some(({ duty }) => duty === 'card')) return 'Something is missing here';
  return missing.length === 1 ? 'Nobody looks after this' : 'Nobody looks after these';
};

/** Somebody whose name the reader is not told; several of them are counted. */
const UNNAMED: Readonly<Record<WatcherView['kind'], readonly [one: string, many: string]>> = {
  member: ['a member', 'members'],
  address: ['an added address', 'added addresses'],
  endpoint: ['a webhook endpoint', 'webhook endpoints'],
  program: ['a program with an Admin API key', 'programs with Admin API keys'],
  operator: ['whoever runs this deployment', 'whoever runs this deployment'],
  card: ['a card', 'cards'],
};

export interface Named {
  readonly who: string;
  readonly note: string | null;
}

/** Everybody who does a duty, in words: by name, or counted where names are not told. */
export function watcherNames(watchers: readonly WatcherView[]): Named[] {
  const counted = new Map<string, { watcher: WatcherView; count: number }>();
  for (const watcher of watchers) {
    const { kind, name, role, note } = watcher;
    const key = JSON.stringify([kind, name, role, note, watcher.card]);
    counted.set(key, { watcher, count: (counted.get(key)?.count ?? 0) + 1 });
  }
  return [...counted.values()].map(({ watcher, count }) => ({
    who: capital(nameOf(watcher, count)),
    note: watcher.note === null ? null : NOTES[watcher.note],
  }));
}

function nameOf(watcher: WatcherView, count: number): string {
  const { kind, name, role, you, card } = watcher;
  if (card !== undefined) return cardName(card);
  if (name === null && role !== null) {
    return count === 1
      ? `1 with the role ${roleName(role)}`
      : `${count} with the role ${roleName(role)}`;
  }
  if (name === null) {
    const [one, many] = UNNAMED[kind];
    return count === 1 || one === many ? one : `${count} ${many}`;
  }
  const what = you ? 'you' : role !== null ? roleName(role) : KINDS[kind];
  return what === undefined ? name : `${name} (${what})`;
}

const KINDS: Partial<Readonly<Record<WatcherView['kind'], string>>> = {
  address: 'added address',
  endpoint: 'webhook endpoint',
};

/** An address stays as it is written. */
const capital = (text: string): string =>
  text.includes('@') ? text : text.slice(0, 1).toUpperCase() + text.slice(1);
