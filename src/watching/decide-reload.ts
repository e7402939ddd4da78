import { may } from '#orgs/roles';
import type { Paused } from '#payments/auto-reload';
import type { FindingName } from './duties.ts';
import type { CardFacts, Facts, Found } from './facts.ts';
import { actorWatcher, isPerson, toldOf, type Watcher } from './watchers.ts';

/** A card that ends sooner is worth a look. */
const CARD_DAYS = 30;
const DAY_MS = 86_400_000;

/** Pauses whose cause is the card; the others end with what was disputed. */
const OF_THE_CARD: readonly Paused[] = [
  'card_declined',
  'declined_repeatedly',
  'verification_required',
];

/** Who stands for auto-reload while it is on: whoever changed it last or switched it on. */
export function decideReload({ reload, members }: Facts): Found {
  const watchers = reload.actors.map((actor) => actorWatcher(actor, members));
  const stands = watchers.some(({ kind, note }) => kind === 'member' && note === null);
  const anybody = members.some(({ role }) => may(role, 'billing.buy'));
  const [last] = watchers;
  const finding = ((): FindingName => {
    if (!anybody) return 'owner_nobody';
    if (reload.paused !== null) return 'reload_paused';
    if (stands) return 'owned';
    if (last?.note === 'left') return 'owner_left';
    return last?.note === 'may_not_buy' ? 'owner_may_not' : 'owner_program';
  })();
  return { finding, watchers };
}

/** Who would notice while it is off: to be told in time, and to be able to do something about it. */
export function decideNotice(facts: Facts): Found {
  const early = facts.marked ? toldOf('low', facts) : [];
  const late = toldOf('access', facts);
  const reached = early.filter(({ note }) => note === null);
  const buys = (one: Watcher): boolean =>
    one.kind === 'member' && one.role !== null && may(one.role, 'billing.buy');
  const finding = ((): FindingName => {
    if (early.length === 0 && late.length === 0) return 'unnoticed';
    if (![...early, ...late].some(({ note }) => note === null)) return 'only_unreached';
    if (!reached.some(isPerson)) return 'noticed_late';
    return reached.some(buys) ? 'noticed' : 'noticed_by_others';
  })();
  return { finding, watchers: finding === 'noticed_late' ? late : early };
}

/** A card is good through the last day of its month, in UTC. */
const endOf = ({ expYear, expMonth }: CardFacts): number => Date.UTC(expYear, expMonth, 1);

const watcherOf = ({ brand, last4 }: CardFacts): Watcher => ({
  ...{ kind: 'card', brand, last4, note: null },
});

/** What is wrong with a card at this moment, the worst first; undefined if nothing is. */
function flawOf(card: CardFacts, now: Date): FindingName | undefined {
  if (endOf(card) <= now.getTime()) return 'card_ended';
  if (card.restsUntil !== null) return 'card_resting';
  return endOf(card) <= now.getTime() + CARD_DAYS * DAY_MS ? 'card_ending' : undefined;
}

/** The card auto-reload charges while it is on; while it is off, any that is saved. */
export function decideCard({ reload, cards, now }: Facts): Found {
  if (!reload.enabled) {
    const good = cards.find((card) => flawOf(card, now) === undefined);
    const card = good ?? cards[0];
    if (card === undefined) return { finding: 'card_not_needed', watchers: [] };
    return { finding: flawOf(card, now) ?? 'card_good', watchers: [watcherOf(card)] };
  }
  const card = cards.find(({ isDefault }) => isDefault);
  if (card === undefined) return { finding: 'card_none', watchers: [] };
  const { paused } = reload;
  const finding = ((): FindingName => {
    if (paused !== null && OF_THE_CARD.includes(paused)) return 'card_refused';
    return card.chargeable ? (flawOf(card, now) ?? 'card_good') : 'card_unfit';
  })();
  return { finding, watchers: [watcherOf(card)] };
}
