import type { Recipient } from '#notices/recipients';
import type { Member } from '#orgs/watched';
import type { Paused } from '#payments/auto-reload';
import type { CardRow } from '#payments/cards';
import type { FindingName, ToldDuty } from './duties.ts';
import type { Actor, Watcher, WatchingEndpoint } from './watchers.ts';

/** All that is known when it is asked who watches. */
export interface Facts {
  /** Business time. */
  readonly now: Date;
  readonly members: readonly Member[];
  /** Who is told what each duty is about, by `recipientsOf`. */
  readonly told: Readonly<Record<ToldDuty, readonly Recipient[]>>;
  /** Addresses whose newest mail could not be delivered. */
  readonly unreached: ReadonlySet<string>;
  readonly endpoints: readonly WatchingEndpoint[];
  /** Something is set from which credit counts as low. */
  readonly marked: boolean;
  readonly reload: {
    readonly enabled: boolean;
    readonly paused: Paused | null;
    /** Whoever changed it last, and whoever switched it on; once where that is the same. */
    readonly actors: readonly Actor[];
  };
  /** The default card first. `chargeable`: auto-reload may charge it. */
  readonly cards: readonly (CardFacts & { readonly chargeable: boolean })[];
}

export type CardFacts = Pick<
  CardRow,
  'brand' | 'last4' | 'expMonth' | 'expYear' | 'isDefault' | 'restsUntil'
>;

export interface Found {
  readonly finding: FindingName;
  readonly watchers: readonly Watcher[];
}
