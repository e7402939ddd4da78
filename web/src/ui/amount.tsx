import {
  exactParts,
  exactText,
  floorParts,
  floorText,
  isNegative,
  isZero,
  owedText,
} from './money-text.ts';

/** The one big number of a page: whole cents, with every digit in the title. */
export function Figure({ usd }: { usd: string }) {
  const parts = floorParts(usd);
  return (
    <span className="figure" title={`Exactly ${exactText(usd)}`}>
      {parts.sign}
      <span className="figure-currency">$</span>
      {parts.whole}
      <span className="figure-cents">.{parts.cents}</span>
    </span>
  );
}

/** Whole cents in running text, exact in the title. */
export function Money({ usd }: { usd: string }) {
  return (
    <span className="money" title={`Exactly ${exactText(usd)}`}>
      {floorText(usd)}
    </span>
  );
}

/** A debt: whole cents, rounded up, exact in the title. */
export function Owed({ usd }: { usd: string }) {
  return (
    <span className="money" title={`Exactly ${exactText(usd)}`}>
      {owedText(usd)}
    </span>
  );
}

/**
 * A table's amount: exact, with the digits below the cent set apart in a column of their own
 * width, so that the points of all rows stand under each other.
 */
export function Exact({ usd, signed = false }: { usd: string; signed?: boolean }) {
  const parts = exactParts(usd);
  const credit = signed && !isNegative(usd) && !isZero(usd);
  return (
    <span className={credit ? 'money exact money-in' : 'money exact'}>
      {credit ? '+' : parts.sign}${parts.whole}.{parts.cents}
      <span className="exact-rest">{parts.rest}</span>
    </span>
  );
}
