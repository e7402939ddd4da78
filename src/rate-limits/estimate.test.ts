import { expect, test } from 'vitest';
import { estimated, FIRST_RATIO, learned, textBytesOf } from './estimate.ts';

test('before anything is known, four bytes are a token', () => {
  expect(estimated(4_000, FIRST_RATIO)).toBe(1_000);
  expect(estimated(1, FIRST_RATIO)).toBe(1);
});

test('answers teach the ratio, and it falls for who reads most of his input from a cache', () => {
  let ratio = FIRST_RATIO;
  for (let i = 0; i < 40; i += 1) ratio = learned(ratio, 400_000, 2_000);
  expect(estimated(400_000, ratio)).toBeLessThan(4_000);
  for (let i = 0; i < 40; i += 1) ratio = learned(ratio, 400_000, 100_000);
  expect(estimated(400_000, ratio)).toBeGreaterThan(98_000);
  // No count outnumbers bytes, whatever an answer says.
  expect(learned(FIRST_RATIO, 10, 1_000_000)).toBeLessThanOrEqual(1_000_000);
  expect(learned(FIRST_RATIO, 0, 1_000)).toBe(FIRST_RATIO);
});

test('pictures and documents count by what they are, not by the length of their base64', () => {
  const source = { type: 'base64', media_type: 'image/png', data: 'A'.repeat(90_000) };
  const picture = { type: 'image', source };
  const inTool = { type: 'tool_result', content: [picture, { type: 'text', text: 'x' }] };
  const body = { messages: [{ content: [picture, inTool] }, { content: 'plain' }] };
  expect(textBytesOf(body, 181_000)).toBe(1_000 + 2 * 6_400);
  expect(textBytesOf('no object', 10)).toBe(10);
  expect(textBytesOf({ messages: 'odd' }, 10)).toBe(10);
});
