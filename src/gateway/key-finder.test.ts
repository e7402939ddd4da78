import { expect, test } from 'vitest';
import { keyFinder } from '#gateway/key-finder';
import type { FoundKey } from '#orgs/key-lookup';

const digest = (name: string): Buffer => Buffer.from(name);
const keyOf = (name: string): FoundKey => ({
  organizationId: 'org_1',
  workspaceId: 'wrkspc_1',
  apiKeyId: `apikey_${name}`,
  kind: 'workspace',
  status: 'active',
  organizationStatus: 'active',
});

/** A store that answers when it is told to. */
function slowStore() {
  const asked: string[][] = [];
  const answers: ((outcome: 'answer' | 'fail') => void)[] = [];
  const find = keyFinder((digests) => {
    const names = digests.map((one) => one.toString());
    asked.push(names);
    return new Promise((resolve, reject) => {
      answers.push((outcome) => {
        if (outcome === 'fail') reject(new Error('no answer'));
        else resolve(names.map((name) => (name === 'nobody' ? undefined : keyOf(name))));
      });
    });
  });
  return { asked, answers, find };
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

test('one key is asked for at once; who comes meanwhile is asked for together', async () => {
  const { asked, answers, find } = slowStore();
  const first = find(digest('a'));
  expect(asked).toEqual([['a']]);
  const later = [find(digest('b')), find(digest('nobody')), find(digest('c'))];
  await settled();
  expect(asked).toHaveLength(1);
  answers[0]?.('answer');
  expect(await first).toEqual(keyOf('a'));
  await settled();
  expect(asked).toEqual([['a'], ['b', 'nobody', 'c']]);
  answers[1]?.('answer');
  expect(await Promise.all(later)).toEqual([keyOf('b'), undefined, keyOf('c')]);
});

test('a statement that fails fails those who are in it, and nobody after them', async () => {
  const { asked, answers, find } = slowStore();
  const lost = find(digest('a'));
  const next = find(digest('b'));
  answers[0]?.('fail');
  await expect(lost).rejects.toThrow('no answer');
  await settled();
  answers[1]?.('answer');
  expect(await next).toEqual(keyOf('b'));
  const again = find(digest('c'));
  await settled();
  expect(asked).toHaveLength(3);
  answers[2]?.('answer');
  expect(await again).toEqual(keyOf('c'));
});
