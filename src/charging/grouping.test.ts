import fc from 'fast-check';
import { expect, test } from 'vitest';
import { inOrganizationOrder } from '#charging/grouping';
import { type OrganizationId, parseId } from '#kernel/ids';

const organization = (letter: string): OrganizationId => {
  const id = parseId('organization', `org_${letter}`);
  if (id === undefined) throw new Error(`not an id: ${letter}`);
  return id;
};

test('locks are asked for in id order, commands keep their turn, answers find their sender', () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom('a', 'b', 'c', 'd')), (letters) => {
      const commands = letters.map((letter, turn) => ({
        organizationId: organization(letter),
        turn,
      }));
      const { orgs, ends, sorted, restore } = inOrganizationOrder(commands);
      expect(orgs).toEqual([...new Set(orgs)].sort());
      for (const [index, org] of orgs.entries()) {
        const own = sorted.slice(ends[index - 1] ?? 0, ends[index]);
        expect(own).toEqual(commands.filter((c) => c.organizationId === org));
      }
      expect(restore(sorted.map((c) => c.turn))).toEqual(commands.map((c) => c.turn));
    }),
  );
});
