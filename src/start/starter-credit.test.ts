import { expect, test } from 'vitest';
import { NANOS_PER_USD } from '#kernel/money';
import { parseConfig } from '#src/config';
import { starterTerms } from '#src/start/starter-credit';

function starterOf(environment: Record<string, string>) {
  const parsed = parseConfig(environment);
  if (parsed.outcome === 'invalid') throw new Error(JSON.stringify(parsed.problems));
  return parsed.config.starterCredit;
}

const problems = (environment: Record<string, string>) => {
  const parsed = parseConfig(environment);
  return parsed.outcome === 'invalid' ? parsed.problems : [];
};

test('no starter credit is given unless an amount is named', () => {
  expect(starterOf({})).toBeUndefined();
  expect(starterOf({ BURSAR_STARTER_CREDIT_USD: '' })).toBeUndefined();
  expect(starterOf({ BURSAR_STARTER_CREDIT_USD: '0' })).toBeUndefined();
  expect(starterOf({ BURSAR_STARTER_CREDIT_USD: '0', BURSAR_STARTER_CREDIT_DAYS: '7' })).toBe(
    undefined,
  );
  const off = starterTerms({ starterCredit: undefined }, Buffer.alloc(32));
  expect(off).toEqual({});
});

test('an amount is enough; lifetime and prepaid cards have defaults', () => {
  expect(starterOf({ BURSAR_STARTER_CREDIT_USD: '5' })).toEqual({
    amount: 5n * NANOS_PER_USD,
    days: 90,
    prepaidCounts: false,
  });
  const all = {
    BURSAR_STARTER_CREDIT_USD: '2.50',
    BURSAR_STARTER_CREDIT_DAYS: '14',
    BURSAR_STARTER_CREDIT_PREPAID: 'on',
  };
  expect(starterOf(all)).toEqual({ amount: 2_500_000_000n, days: 14, prepaidCounts: true });
});

test('every faulty setting is named, and one without an amount is a mistake', () => {
  const faulty = {
    BURSAR_STARTER_CREDIT_USD: '1000.01',
    BURSAR_STARTER_CREDIT_DAYS: '0',
    BURSAR_STARTER_CREDIT_PREPAID: 'yes',
  };
  expect(problems(faulty)).toMatchObject([
    { variable: 'BURSAR_STARTER_CREDIT_DAYS', found: '"0"' },
    { variable: 'BURSAR_STARTER_CREDIT_PREPAID', found: '"yes"' },
    { variable: 'BURSAR_STARTER_CREDIT_USD', found: '"1000.01"' },
  ]);
  expect(problems({ BURSAR_STARTER_CREDIT_USD: 'five' })).toHaveLength(1);
  expect(problems({ BURSAR_STARTER_CREDIT_USD: '-5' })).toHaveLength(1);
  expect(problems({ BURSAR_STARTER_CREDIT_DAYS: '30' })).toEqual([
    {
      variable: 'BURSAR_STARTER_CREDIT_USD',
      found: 'nothing',
      expected: 'an amount such as 5, because BURSAR_STARTER_CREDIT_DAYS is set',
    },
  ]);
});
