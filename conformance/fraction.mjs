/** Exact fractions of whole numbers. Nothing here rounds except `roundHalfEven`, which says so. */
export class Fraction {
  /** @param {bigint} numerator @param {bigint} denominator above 0 */
  constructor(numerator, denominator = 1n) {
    if (denominator <= 0n) throw new RangeError('a denominator is above 0');
    this.numerator = numerator;
    this.denominator = denominator;
  }

  plus(other) {
    if (this.denominator === other.denominator) {
      return new Fraction(this.numerator + other.numerator, this.denominator);
    }
    const numerator = this.numerator * other.denominator + other.numerator * this.denominator;
    return new Fraction(numerator, this.denominator * other.denominator);
  }

  minus(other) {
    return this.plus(new Fraction(-other.numerator, other.denominator));
  }

  times(numerator, denominator = 1n) {
    return new Fraction(this.numerator * numerator, this.denominator * denominator);
  }

  equals(other) {
    return this.numerator * other.denominator === other.numerator * this.denominator;
  }

  lowestTerms() {
    const divisor = greatestCommonDivisor(
      this.numerator < 0n ? -this.numerator : this.numerator,
      this.denominator,
    );
    return new Fraction(this.numerator / divisor, this.denominator / divisor);
  }

  /** To the nearest whole number; from the middle, to the even one. */
  roundHalfEven() {
    let below = this.numerator / this.denominator;
    if (this.numerator < 0n && below * this.denominator !== this.numerator) below -= 1n;
    const twiceTheRest = 2n * (this.numerator - below * this.denominator);
    if (twiceTheRest < this.denominator) return below;
    if (twiceTheRest > this.denominator) return below + 1n;
    return below % 2n === 0n ? below : below + 1n;
  }

  /** "3/2" in lowest terms; "5/1" for whole numbers, so that every amount reads alike. */
  toString() {
    const { numerator, denominator } = this.lowestTerms();
    return `${numerator}/${denominator}`;
  }

  static read(text) {
    const [numerator, denominator = '1'] = text.split('/');
    return new Fraction(BigInt(numerator), BigInt(denominator));
  }

  static zero = new Fraction(0n);
}

function greatestCommonDivisor(one, other) {
  while (other !== 0n) [one, other] = [other, one % other];
  return one;
}
