/** Tax of one line in the currency's minor unit. `percent` is a decimal such as `8.875`. */
export function taxOf(amount: number, percent: string, behavior: string | null): number {
  const [whole = '0', fraction = ''] = percent.split('.');
  const rate = BigInt(whole + fraction.padEnd(4, '0'));
  const hundredPercent = 1_000_000n;
  const base = behavior === 'inclusive' ? hundredPercent + rate : hundredPercent;
  return Number(divideHalfUp(BigInt(amount) * rate, base));
}

export function divideHalfUp(dividend: bigint, divisor: bigint): bigint {
  return (dividend * 2n + divisor) / (divisor * 2n);
}
