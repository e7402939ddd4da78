import { describe, expect, it } from 'vitest';
import { COUNTRY_CODES, countryName, countryRule } from '#payments/billing-countries';
import { POSTAL, STATES } from '#payments/billing-country-rules';
import { type DetailsForm, readDetails } from '#payments/billing-details-form';
import { TAX_IDS } from '#payments/billing-tax-ids';
import { countriesInWords, DEFAULT_SELLING, sellsTo } from '#payments/selling';

const BERLIN: DetailsForm = {
  name: 'Ada Example GmbH',
  line1: 'Chausseestraße 1',
  line2: '',
  city: 'Berlin',
  state: '',
  postal_code: '10115',
  country: 'DE',
  tax_id_type: '',
  tax_id: '',
};
const read = (part: Partial<DetailsForm>) => readDetails({ ...BERLIN, ...part });
const problemsOf = (part: Partial<DetailsForm>) => {
  const answer = read(part);
  return answer.outcome === 'invalid' ? answer.problems.map(({ field }) => field) : [];
};

describe('the rules of countries', () => {
  it('every country has a name, and every rule its country', () => {
    expect(new Set(COUNTRY_CODES).size).toBe(COUNTRY_CODES.length);
    expect(COUNTRY_CODES.length).toBe(249);
    for (const code of COUNTRY_CODES) expect(countryName(code), code).not.toBe(code);
    for (const code of [...Object.keys(POSTAL), ...Object.keys(STATES), ...Object.keys(TAX_IDS)]) {
      expect(COUNTRY_CODES, code).toContain(code);
    }
  });

  it('every example that a refusal shows would itself be accepted', () => {
    for (const [code, { pattern, example }] of Object.entries(POSTAL)) {
      expect(example, code).toMatch(pattern);
    }
    for (const [code, kinds] of Object.entries(TAX_IDS)) {
      for (const { type, example } of kinds) {
        const rule = countryRule(code);
        const form = {
          country: code,
          postal_code: rule?.postal?.example ?? '',
          state: rule?.states[0]?.[0] ?? '',
          tax_id: example,
          tax_id_type: type,
        };
        expect(read(form), `${code} ${type}`).toMatchObject({ outcome: 'valid' });
      }
    }
  });

  it('nothing is sold where the processor does no business, unless the operator says so', () => {
    for (const code of ['BY', 'CN', 'HK', 'RU']) expect(sellsTo(DEFAULT_SELLING, code)).toBe(false);
    for (const code of ['DE', 'IN', 'US', 'JP']) expect(sellsTo(DEFAULT_SELLING, code)).toBe(true);
    const two = { ...DEFAULT_SELLING, countries: new Set(['DE', 'AT']) };
    expect(countriesInWords(two)).toBe('Austria and Germany');
    expect(countriesInWords(DEFAULT_SELLING)).toBe('240 countries');
  });
});

describe('a billing address', () => {
  it('is accepted as people write it, and kept in one form', () => {
    expect(read({ postal_code: ' 10115 ', country: 'de' })).toMatchObject({
      details: { postalCode: '10115', country: 'DE', taxId: null },
    });
    const toronto = { country: 'CA', postal_code: 'm5v 2t6', state: 'ontario' };
    expect(read(toronto)).toMatchObject({ details: { postalCode: 'M5V 2T6', state: 'ON' } });
    expect(read({ country: 'HK', postal_code: '' })).toMatchObject({ outcome: 'valid' });
  });

  it('is refused with every problem at once, each in words for its field', () => {
    expect(problemsOf({ name: ' ', line1: '', city: '', postal_code: '1011' })).toEqual([
      'name',
      'line1',
      'city',
      'postal_code',
    ]);
    expect(problemsOf({ country: 'XX' })).toEqual(['country']);
    expect(problemsOf({ country: 'US', postal_code: '10001', state: 'ZZ' })).toEqual(['state']);
    expect(problemsOf({ name: 'Ada\u202eelpmaxE' })).toEqual(['name']);
    const answer = read({ country: 'GB', postal_code: '10115' });
    expect(answer).toMatchObject({
      problems: [{ message: '10115 is no postal code of the United Kingdom, such as SW1A 1AA.' }],
    });
  });

  it('a tax number must be one of the country of the address', () => {
    expect(read({ tax_id: 'de 123 456 789' })).toMatchObject({
      details: { taxIdType: 'eu_vat', taxId: 'DE123456789' },
    });
    expect(problemsOf({ tax_id: 'FRAB123456789' })).toEqual(['tax_id']);
    expect(problemsOf({ country: 'KE', postal_code: '', tax_id: '1' })).toEqual(['tax_id']);
    const swiss = { country: 'CH', postal_code: '8001', tax_id: 'CHE123456789 MWST' };
    expect(read(swiss)).toMatchObject({ details: { taxId: 'CHE-123.456.789 MWST' } });
  });
});
