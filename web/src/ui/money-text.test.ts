import { describe, expect, it } from 'vitest';
import { exactParts, exactText, floorText, isNegative, isZero, owedText } from './money-text.ts';

describe('amounts on a page', () => {
  it('the big figure never shows a cent that is not there', () => {
    expect(floorText('4.999999999')).toBe('$4.99');
    expect(floorText('0.001')).toBe('$0.00');
    expect(floorText('-0.001')).toBe('−$0.01');
  });

  it('what is owed is rounded up to the cent, as the server says it too', () => {
    expect(owedText('0.800184')).toBe('$0.81');
    expect(owedText('4')).toBe('$4.00');
    expect(owedText('0.000000001')).toBe('$0.01');
    // What a purchase has left after it: together they are the purchase.
    expect(floorText('4.199816')).toBe('$4.19');
  });

  it('the exact text keeps every digit and at least the cents', () => {
    expect(exactText('5')).toBe('$5.00');
    expect(exactText('12.3')).toBe('$12.30');
    expect(exactText('0.000000001')).toBe('$0.000000001');
    expect(exactText('-1234567.5')).toBe('−$1,234,567.50');
  });

  it('digits below the cent are cut off so that columns align at the point', () => {
    expect(exactParts('1000.12345')).toEqual({
      sign: '',
      whole: '1,000',
      cents: '12',
      rest: '345',
    });
  });

  it('an amount too large to mean anything is shown as it came, not as zero', () => {
    expect(exactText('123456789012345678')).toBe('$123,456,789,012,345,678.00');
  });

  it('knows nothing and less than nothing apart', () => {
    expect([isZero('0'), isZero('0.00'), isZero('0.000000001')]).toEqual([true, true, false]);
    expect([isNegative('-1'), isNegative('-0'), isNegative('1')]).toEqual([true, false, false]);
  });
});
