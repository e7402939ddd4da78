import { expect, test } from 'vitest';
import { COUNTRY_CODES } from '#payments/billing-countries';
import { sellsTo } from '#payments/selling';
import { parseConfig } from '#src/config';
import { sellingTerms } from '#src/start/selling';

function termsOf(environment: Record<string, string>) {
  const parsed = parseConfig(environment);
  if (parsed.outcome === 'invalid') throw new Error(JSON.stringify(parsed.problems));
  const { automaticTax, selling } = sellingTerms(parsed.config);
  if (selling === undefined) throw new Error('no terms');
  return { automaticTax, ...selling };
}

test('unless told, no tax is added and almost everybody can buy without an address', () => {
  const terms = termsOf({});
  expect(terms).toMatchObject({ automaticTax: false, addressFirst: false, subscriptionUrl: null });
  expect(sellsTo(terms, 'DE')).toBe(true);
  expect(sellsTo(terms, 'RU')).toBe(false);
});

test('an address is asked for first where tax or the permission to sell depends on it', () => {
  expect(termsOf({ BURSAR_AUTOMATIC_TAX: 'on' })).toMatchObject({
    automaticTax: true,
    addressFirst: true,
  });
  const two = termsOf({ BURSAR_SELL_TO: 'de, AT' });
  expect(two).toMatchObject({ addressFirst: true, countries: new Set(['DE', 'AT']) });
  const all = termsOf({ BURSAR_SELL_TO: 'all' });
  expect(all).toMatchObject({ addressFirst: false, countries: new Set(COUNTRY_CODES) });
});

test('a country that does not exist, and a word that is neither on nor off, are told', () => {
  const parsed = parseConfig({ BURSAR_SELL_TO: 'DE, UK, EU', BURSAR_AUTOMATIC_TAX: 'yes' });
  expect(parsed.outcome === 'invalid' && parsed.problems).toMatchObject([
    { variable: 'BURSAR_AUTOMATIC_TAX', found: '"yes"' },
    { variable: 'BURSAR_SELL_TO', found: '"UK, EU"' },
  ]);
});
