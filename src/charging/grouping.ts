import { assert } from '#kernel/assert';
import type { OrganizationId } from '#kernel/ids';

export interface Grouped<C> {
  /** Distinct organizations in id order: the order in which every process takes its locks. */
  readonly orgs: OrganizationId[];
  /** For each organization, how many commands it and those before it have. */
  readonly ends: number[];
  readonly sorted: C[];
  /** Puts answers given in sorted order back into the order of arrival. */
  restore<O>(answers: readonly O[]): O[];
}

/** Sorts commands by organization, keeping the order of arrival inside each. */
export function inOrganizationOrder<C extends { readonly organizationId: OrganizationId }>(
  commands: readonly C[],
): Grouped<C> {
  const order = commands
    .map((command, arrival) => ({ command, arrival, organization: command.organizationId }))
    // Sorting is stable: those of one organization stay in the order of arrival.
    .sort((a, b) =>
      a.organization < b.organization ? -1 : a.organization > b.organization ? 1 : 0,
    );
  const orgs: OrganizationId[] = [];
  const ends: number[] = [];
  for (const [index, { organization }] of order.entries()) {
    if (orgs.at(-1) !== organization) {
      orgs.push(organization);
      ends.push(0);
    }
    ends[ends.length - 1] = index + 1;
  }
  return {
    orgs,
    ends,
    sorted: order.map(({ command }) => command),
    restore(answers) {
      assert(answers.length === commands.length, 'one answer per command');
      const restored = answers.slice();
      for (const [index, answer] of answers.entries()) {
        const arrival = order[index]?.arrival;
        assert(arrival !== undefined, 'an arrival per answer');
        restored[arrival] = answer;
      }
      return restored;
    },
  };
}
