import { Course, type Replay, type ReplayTerms, type Spell } from '#advice/course';
import { SLICE_MS, type Slice } from '#ledger/spending';

/**
 * What auto-reload would have done with a setting, had the spending been what it was and nothing
 * else been bought. It asks the decision that auto-reload asks (`#payments/auto-reload`), at the
 * times at which that one is asked: there is no second one. Spells are in order and do not overlap.
 * Pure.
 */
export function replay(terms: ReplayTerms, spells: readonly Spell[]): Replay {
  const course = new Course(terms);
  for (const spell of spells) {
    if (spell.to < terms.from || spell.from > terms.to) continue;
    course.waitUntil(spell.from);
    course.spend(spell);
  }
  course.waitUntil(terms.to);
  return course.result();
}

/** Sums of five minutes as spells; the last may not be over. */
export const spellsOf = (slices: readonly Slice[], to: number): readonly Spell[] =>
  slices.map(({ at, spent }) => {
    const from = at.getTime();
    return { from, to: Math.max(from, Math.min(from + SLICE_MS, to)), spent };
  });
