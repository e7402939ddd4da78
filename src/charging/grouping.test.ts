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

test('each organization is named once, with the end of its commands', () => {
  const commands = ['b', 'a', 'b', 'c', 'a', 'b'].map((letter, turn) => ({
    organizationId: organization(letter),
    turn,
  }));
  const { orgs, ends, sorted, restore } = inOrganizationOrder(commands);
  expect(orgs).toEqual(['a', 'b', 'c'].map(organization));
  expect(ends).toEqual([2, 5, 6]);
  expect(sorted.map((c) => c.turn)).toEqual([1, 4, 0, 2, 5, 3]);
  expect(() => restore(['too', 'few'])).toThrow('one answer per command');
});

test('an organization with many commands keeps all of them in their turn', () => {
  const commands = Array.from({ length: 600 }, (_, turn) => ({
    organizationId: organization('dbca'.charAt((turn * 7) % 4)),
    turn,
  }));
  const { sorted, ends, orgs } = inOrganizationOrder(commands);
  expect(orgs).toEqual(['a', 'b', 'c', 'd'].map(organization));
  for (const [index, org] of orgs.entries()) {
    const own = sorted.slice(ends[index - 1] ?? 0, ends[index]);
    expect(own).toEqual(commands.filter((c) => c.organizationId === org));
  }
});
