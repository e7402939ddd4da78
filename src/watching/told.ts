import type { Role } from '#orgs/roles';
import { type Answer, worstOf } from './decide.ts';
import { DUTY_TITLES, type FindingName, findingOf, type State } from './duties.ts';
import type { Watcher } from './watchers.ts';

/** Who looks at it. */
export interface Viewer {
  readonly email: string;
  /** May know who the others are. */
  readonly seesMembers: boolean;
}

/** Duties whose only flaw is that one does them alone, as in any organization of one person. */
const ALONE: readonly FindingName[] = ['one_buyer', 'one_told'];

const SUMMARIES: Readonly<Record<State | 'alone', string>> = {
  ok: 'Somebody looks after everything.',
  alone: 'Somebody looks after everything, but some of it depends on one person alone.',
  weak: 'Somebody looks after everything, but some of it needs a second look.',
  nobody: 'Not everything has somebody who looks after it.',
};

/** All of it in plain texts, with no more names than the viewer may know. */
export function tellWatching(answers: readonly Answer[], viewer: Viewer) {
  const state = worstOf(answers);
  const flawed = answers.filter(({ finding }) => findingOf(finding).state !== 'ok');
  const alone = flawed.every(({ finding }) => ALONE.includes(finding));
  return {
    state,
    summary: SUMMARIES[state === 'weak' && alone ? 'alone' : state],
    duties: answers.map(({ duty, finding, watchers }) => {
      const row = findingOf(finding);
      return {
        duty,
        title: DUTY_TITLES[duty],
        state: row.state,
        sentence: row.sentence,
        fix: row.fix,
        watchers: watchers.map((one) => shownTo(one, viewer)),
      };
    }),
  };
}

function shownTo(watcher: Watcher, { email: own, seesMembers }: Viewer) {
  const { kind, note } = watcher;
  const shown = (name: string | null, role: Role | null = null, you = false) => ({
    ...{ kind, name, role, you, note },
  });
  switch (watcher.kind) {
    case 'member':
    case 'address': {
      const you = watcher.email === own;
      const role = watcher.kind === 'member' ? watcher.role : null;
      return shown(you || seesMembers ? watcher.email : null, role, you);
    }
    case 'endpoint':
      return shown(seesMembers ? watcher.host : null);
    case 'card':
      return { ...shown(null), card: { brand: watcher.brand, last4: watcher.last4 } };
    case 'program':
    case 'operator':
      return shown(null);
  }
}
