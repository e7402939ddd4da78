import { expect, test } from 'vitest';
import { parseConfig } from '#src/config';
import { operatorsOf } from '#src/start/operators';

function operators(environment: Record<string, string>): readonly string[] {
  const parsed = parseConfig(environment);
  if (parsed.outcome === 'invalid') throw new Error(JSON.stringify(parsed.problems));
  return [...operatorsOf(parsed.config)];
}

test('operators are the addresses that are named, whatever their case', () => {
  const list = 'Ada@Example.com, ops+night@example.com\nada@example.com';
  const named = ['ada@example.com', 'ops+night@example.com'];
  expect(operators({ BURSAR_OPERATOR_EMAILS: list })).toEqual(named);
});

test('an entry that is no address is reported by itself', () => {
  const parsed = parseConfig({ BURSAR_OPERATOR_EMAILS: 'ada@example.com, bob, @x, <a@b>' });
  expect(parsed).toEqual({
    outcome: 'invalid',
    problems: [
      {
        variable: 'BURSAR_OPERATOR_EMAILS',
        found: '"bob, @x, <a@b>"',
        expected: 'e-mail addresses with commas between',
      },
    ],
  });
});

test('unless named there is none, but for a trial with simulated money on this machine', () => {
  expect(operators({})).toEqual(['owner@localhost']);
  expect(operators({ BURSAR_OPERATOR_EMAILS: ' ' })).toEqual(['owner@localhost']);
  expect(operators({ STRIPE_SECRET_KEY: 'sk_test_real' })).toEqual([]);
  expect(operators({ STRIPE_API_URL: 'http://127.0.0.1:9' })).toEqual([]);
  expect(operators({ BURSAR_HOST: '0.0.0.0' })).toEqual([]);
  expect(operators({ BURSAR_HOST: '127.0.0.1.example.com' })).toEqual([]);
  expect(operators({ NODE_ENV: 'production' })).toEqual([]);
  expect(operators({ BURSAR_OPERATOR_EMAILS: 'a@b.c' })).toEqual(['a@b.c']);
});
