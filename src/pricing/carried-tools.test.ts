import { expect, test } from 'vitest';
import { boundHold } from './bound.ts';
import { bundledBook } from './bundled-book.ts';

const now = new Date('2026-11-21T00:00:00Z');
const book = bundledBook();
const ask = (changes: object) => ({
  model: 'claude-opus-5',
  max_tokens: 1_000,
  messages: [{ role: 'user', content: 'hello' }],
  ...changes,
});
const heldFor = (changes: object, carriedUses?: number) =>
  boundHold(book, ask(changes), 200, now, [], carriedUses);
const amountOf = (changes: object, carriedUses?: number): bigint => {
  const bound = heldFor(changes, carriedUses);
  if (bound.outcome !== 'bounded') throw new Error(JSON.stringify(bound));
  return bound.amount;
};
const search = (more: object = {}) => ({
  tools: [{ type: 'web_search_20260209', name: 'web_search', ...more }],
});

test.each([
  ['a search without a cap', search()],
  ['code execution', { tools: [{ type: 'code_execution_20250825', name: 'code' }] }],
  ['an unknown tool', { tools: [{ type: 'teleport_20300101', name: 'teleport' }] }],
  ['MCP servers', { mcp_servers: [{ type: 'url', url: 'https://example.com', name: 'mcp' }] }],
  ['a continued thread', { thread: { type: 'continue', id: 'thread_1' } }],
])('H2: %s is refused, unless the operator carries the risk', (_, changes) => {
  expect(heldFor(changes)).toMatchObject({ outcome: 'tool_cost_unbounded' });
  const plain = amountOf({});
  const [few, more] = [amountOf(changes, 2), amountOf(changes, 5)];
  expect(few).toBeGreaterThan(plain);
  expect(more).toBeGreaterThan(few);
});

test('a carried search is held like one with that cap', () => {
  // A field as long as the cap: the definition is input too.
  expect(amountOf(search({ max_used: 3 }), 3)).toBe(amountOf(search({ max_uses: 3 })));
});

test('a cap that the request gives is kept, whatever the operator carries', () => {
  expect(amountOf(search({ max_uses: 2 }), 500)).toBe(amountOf(search({ max_uses: 2 })));
  expect(heldFor(search({ max_uses: 'many' }), 3)).toMatchObject({
    outcome: 'tool_cost_unbounded',
  });
});

test('an adviser that names no model has no price, so it cannot be carried', () => {
  const tools = [{ type: 'advisor_20260301', name: 'advisor' }];
  expect(heldFor({ tools }, 3)).toMatchObject({ outcome: 'tool_cost_unbounded' });
});
