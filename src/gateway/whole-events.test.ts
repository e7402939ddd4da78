import fc from 'fast-check';
import { expect, test } from 'vitest';
import { wholeEvents } from './whole-events.ts';

const anyLine = fc.constantFrom('event: a', 'data: {"text":"é界"}', ': ping', 'data: x');

test.each(['\n', '\r\n', '\r'])(
  'however a stream is cut, it comes out whole, event by event (line end %j)',
  (end) => {
    const anyEvents = fc.array(fc.array(anyLine, { minLength: 1, maxLength: 3 }), { maxLength: 9 });
    fc.assert(
      fc.property(anyEvents, fc.integer({ min: 1, max: 40 }), (events, size) => {
        const bytes = Buffer.from(events.map((lines) => [...lines, '', ''].join(end)).join(''));
        const whole = wholeEvents();
        const pieces: Buffer[] = [];
        for (let at = 0; at < bytes.length; at += size) {
          pieces.push(...whole.push(bytes.subarray(at, at + size)));
        }
        if (whole.rest().length > 0 || pieces.length !== events.length) return false;
        if (pieces.some((piece) => !piece.toString().endsWith(end + end))) return false;
        return Buffer.concat(pieces).equals(bytes);
      }),
      { numRuns: 500 },
    );
  },
);

test('what has no end is passed on once nobody can mean it as one event', () => {
  const whole = wholeEvents();
  const chunk = Buffer.alloc(1_000_000, 0x61);
  const passed = Array.from({ length: 9 }, () => Buffer.concat(whole.push(chunk)).length);
  expect(passed.reduce((sum, length) => sum + length, 0)).toBeGreaterThan(4_000_000);
});

test('the rest of a stream is what no blank line has closed', () => {
  const whole = wholeEvents();
  const [first] = whole.push(Buffer.from('data: 1\n\ndata: 2'));
  expect(String(first)).toBe('data: 1\n\n');
  expect(whole.rest().toString()).toBe('data: 2');
  expect(whole.rest()).toHaveLength(0);
});
