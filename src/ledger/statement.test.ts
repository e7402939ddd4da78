import { expect, test } from 'vitest';
import { statementCursorOk } from '#ledger/statement';

test.each(['1.1', '123456789012345678.1234'])('%s is a place in a statement', (text) => {
  expect(statementCursorOk(text)).toBe(true);
});

test.each(['', '1', '1.', '.1', 'a.1', '1.a', 'x1.1', '1.1x', '1234567890123456789.1', '1.12345'])(
  '"%s" is none',
  (text) => expect(statementCursorOk(text)).toBe(false),
);
