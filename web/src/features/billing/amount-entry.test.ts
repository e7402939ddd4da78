import { describe, expect, it } from 'vitest';
import { firstAmount, readAmount } from './amount-entry.ts';

const limits = { minimum_usd: '5', maximum_usd: '10000' };
const read = (typed: string) => readAmount(typed, limits);

describe('the amount a person types', () => {
  it('dollars are accepted with or without sign, cents and grouping', () => {
    for (const [typed, usd] of [
      ['25', '25'],
      [' $25.50 ', '25.5'],
      ['1,000', '1000'],
      ['5', '5'],
      ['10,000.00', '10000'],
    ] as const) {
      expect(read(typed)).toEqual({ outcome: 'accepted', usd });
    }
  });

  it('every refusal names the field and says what to enter instead', () => {
    for (const [typed, sentence] of [
      ['', 'Amount: enter how many dollars of credits to buy.'],
      ['ten', 'Amount: enter dollars in digits, such as 25 or 25.50.'],
      ['1,5', 'Amount: enter dollars in digits, such as 25 or 25.50.'],
      ['-5', 'Amount: enter dollars in digits, such as 25 or 25.50.'],
      ['1e3', 'Amount: enter dollars in digits, such as 25 or 25.50.'],
      ['5.001', 'Amount: use whole cents, such as 25.50.'],
      ['4.99', 'Amount: the smallest purchase is $5.'],
      ['10000.01', 'Amount: the largest purchase is $10000.'],
    ] as const) {
      expect(read(typed)).toEqual({ outcome: 'refused', sentence });
    }
  });

  it('begins with what a link names, unless that is no amount that can be bought', () => {
    expect(firstAmount('40', limits)).toBe('40');
    for (const named of [undefined, '1', 'yes', '20000']) {
      expect(firstAmount(named, limits)).toBe('25');
    }
  });
});
