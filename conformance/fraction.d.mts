export class Fraction {
  constructor(numerator: bigint, denominator?: bigint);
  readonly numerator: bigint;
  readonly denominator: bigint;
  plus(other: Fraction): Fraction;
  minus(other: Fraction): Fraction;
  times(numerator: bigint, denominator?: bigint): Fraction;
  equals(other: Fraction): boolean;
  lowestTerms(): Fraction;
  roundHalfEven(): bigint;
  toString(): string;
  static read(text: string): Fraction;
  static readonly zero: Fraction;
}
