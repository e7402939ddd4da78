import { may } from '#orgs/roles';
import { decideCard, decideNotice, decideReload } from './decide-reload.ts';
import {
  DUTIES,
  type Duty,
  type FindingName,
  findingOf,
  type State,
  type ToldDuty,
} from './duties.ts';
import type { Facts, Found } from './facts.ts';
import { isPerson, toldOf, type Watcher } from './watchers.ts';

export interface Answer extends Found {
  readonly duty: Duty;
}

/** Who does each duty. Null where there is no such duty now. */
const DECISIONS: Readonly<Record<Duty, (facts: Facts) => Found | null>> = {
  buy: decideBuyers,
  low: (facts) => (facts.marked ? decideTold('low', facts) : { finding: 'no_mark', watchers: [] }),
  access: (facts) => decideTold('access', facts),
  payments: (facts) => decideTold('payments', facts),
  reload: (facts) => (facts.reload.enabled ? decideReload(facts) : null),
  notice: (facts) => (facts.reload.enabled ? null : decideNotice(facts)),
  card: decideCard,
};

/** All duties there are now, each with who does it. */
export const decideWatching = (facts: Facts): Answer[] =>
  DUTIES.flatMap((duty) => {
    const found = DECISIONS[duty](facts);
    return found === null ? [] : [{ duty, ...found }];
  });

const WORST_FIRST: readonly State[] = ['nobody', 'weak', 'ok'];

/** As good as the worst. */
export const worstOf = (answers: readonly Answer[]): State =>
  WORST_FIRST.find((state) => answers.some(({ finding }) => findingOf(finding).state === state)) ??
  'ok';

function decideBuyers({ members }: Facts): Found {
  const watchers = members
    .filter(({ role }) => may(role, 'billing.buy'))
    .map(({ email, role }): Watcher => ({ kind: 'member', email, role, note: null }));
  const finding =
    watchers.length === 0 ? 'no_buyer' : watchers.length === 1 ? 'one_buyer' : 'buyers';
  return { finding, watchers };
}

function decideTold(duty: ToldDuty, facts: Facts): Found {
  const watchers = toldOf(duty, facts);
  const reached = watchers.filter(({ note }) => note === null);
  const finding = ((): FindingName => {
    if (watchers.length === 0) return 'nobody_told';
    if (reached.length === 0) return 'only_unreached';
    if (!reached.some(isPerson)) return 'only_program';
    return reached.length === 1 ? 'one_told' : 'told';
  })();
  return { finding, watchers };
}
