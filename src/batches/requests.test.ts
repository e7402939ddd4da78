import { describe, expect, test } from 'vitest';
import { type AskedItem, readItems } from './requests.ts';

const params = { model: 'm', max_tokens: 1, messages: [] };
const read = async (text: string) => {
  const items: AskedItem[] = [];
  const outcome = await readItems<never>(Buffer.from(text), (item) => void items.push(item));
  return { ...outcome, items };
};
const item = (name: string, more = '') =>
  `{"custom_id":"${name}","params":${JSON.stringify(params)}${more}}`;

describe('the items of a creation', () => {
  test('are read as they came, with the bytes that each takes', async () => {
    const body = ` {"requests" : [ ${item('a')} ,\n${item('b')}]}`;
    const { items } = await read(body);
    expect(items).toMatchObject([
      { number: 0, customId: 'a', params },
      { number: 1, customId: 'b', params },
    ]);
    expect(items.map(({ bytes }) => bytes.toString())).toEqual([
      ` ${item('a')} `,
      `\n${item('b')}`,
    ]);
  });

  test('may have anything in their texts: brackets, commas, quotes, escapes', async () => {
    const tricky = { ...params, messages: [{ role: 'user', content: '],}{[\\"\u00e9\\' }] };
    const body = JSON.stringify({
      requests: [
        { custom_id: 'a', params: tricky },
        { custom_id: 'b', params: tricky },
      ],
    });
    expect(await read(body)).toMatchObject({
      outcome: 'read',
      items: [{ params: tricky }, { params: tricky }],
    });
  });

  test.each([
    ['no JSON', 'x'],
    ['nothing', ''],
    ['a list', '[]'],
    ['no requests', '{}'],
    ['requests that are no list', '{"requests":{"a":[1]}}'],
    ['an empty list', '{"requests":[ ]}'],
    ['an open list', `{"requests":[${item('a')}`],
    ['an open object', `{"requests":[${item('a')}]`],
    ['text after the end', `{"requests":[${item('a')}]} x`],
    ['a second list of requests', `{"requests":[${item('a')}],"requests":[${item('b')}]}`],
    ['a second list under an escape', `{"requests":[${item('a')}],"\\u0072equests":[]}`],
    ['another field', `{"other":[1],"requests":[${item('a')}]}`],
    ['a comma too many', `{"requests":[${item('a')},]}`],
    ['a comma too few', `{"requests":[${item('a')}${item('b')}]}`],
    ['an item that is no object', `{"requests":[1]}`],
    ['brackets that do not match', `{"requests":[{"custom_id":"a","params":{]}]}`],
    [
      'max_tokens twice',
      `{"requests":[{"custom_id":"a","params":{"max_tokens":1,"max_tokens":9}}]}`,
    ],
    ['a field beside params', `{"requests":[${item('a', ',"x":1')}]}`],
    ['no custom_id', `{"requests":[{"params":{}}]}`],
    ['an empty custom_id', `{"requests":[${item('')}]}`],
    ['a long custom_id', `{"requests":[${item('a'.repeat(65))}]}`],
    ['a custom_id with a space', `{"requests":[${item('a b')}]}`],
    ['a custom_id twice', `{"requests":[${item('a')},${item('a')}]}`],
    ['no params', `{"requests":[{"custom_id":"a"}]}`],
  ])('%s is refused', async (_what, body) => {
    expect((await read(body)).outcome).toBe('invalid');
  });

  test('the item at fault is named', async () => {
    const body = `{"requests":[${item('a')},{"custom_id":"b"}]}`;
    expect(await read(body)).toMatchObject({ message: 'requests.1.params: Field required' });
  });

  test('more than 100,000 are refused', async () => {
    const body = `{"requests":[${Array.from({ length: 100_001 }, () => '1').join()}]}`;
    expect(await read(body)).toMatchObject({
      outcome: 'invalid',
      message: 'requests: List should have at most 100000 items after validation, not 100001',
      items: [],
    });
  });

  test('are not read on once enough is known', async () => {
    const body = Buffer.from(`{"requests":[${item('a')},${item('b')},"no item"]}`);
    const stopped = await readItems(body, ({ customId }) =>
      customId === 'b' ? 'enough' : undefined,
    );
    expect(stopped).toEqual({ outcome: 'stopped', stop: 'enough' });
  });

  test('have little beside them: what is not an item is not read at length', async () => {
    const around = ' '.repeat(70_000);
    expect((await read(`{${around}"requests":[${item('a')}]}`)).outcome).toBe('invalid');
  });
});
