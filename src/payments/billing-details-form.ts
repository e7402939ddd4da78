import { type CountryRule, countryRule, inSentence } from '#payments/billing-countries';

/** Where an organization is billed. Empty texts where a country has no such thing. */
export interface BillingDetails {
  readonly name: string;
  readonly line1: string;
  readonly line2: string;
  readonly city: string;
  readonly state: string;
  readonly postalCode: string;
  readonly country: string;
  readonly taxIdType: string | null;
  readonly taxId: string | null;
}

/** As a person typed it: every field a text, empty where nothing was entered. */
export interface DetailsForm {
  readonly name: string;
  readonly line1: string;
  readonly line2: string;
  readonly city: string;
  readonly state: string;
  readonly postal_code: string;
  readonly country: string;
  readonly tax_id_type: string;
  readonly tax_id: string;
}

export interface DetailsProblem {
  readonly field: keyof DetailsForm;
  /** A sentence for the person who typed it. */
  readonly message: string;
}

export type DetailsRead =
  | { readonly outcome: 'valid'; readonly details: BillingDetails }
  | { readonly outcome: 'invalid'; readonly problems: readonly DetailsProblem[] };

const LONGEST: Readonly<Partial<Record<keyof DetailsForm, number>>> = {
  name: 200,
  line1: 200,
  line2: 200,
  city: 100,
  state: 100,
};

/** A line break or a bidirectional override in an address would make an invoice lie. */
const UNPRINTABLE = /[\p{Cc}\u202a-\u202e\u2066-\u2069]/u;

const tidied = (text: string): string => text.trim().replace(/\s+/g, ' ');

/** Checks what was typed against the rules of its country. Every problem is told at once. */
export function readDetails(form: DetailsForm): DetailsRead {
  const problems: DetailsProblem[] = [];
  const wrong = (field: keyof DetailsForm, message: string) => problems.push({ field, message });
  const text = (field: keyof DetailsForm, missing?: string): string => {
    const value = tidied(form[field]);
    const longest = LONGEST[field] ?? 60;
    if (value === '' && missing !== undefined) wrong(field, missing);
    if (value.length > longest) wrong(field, `Use at most ${longest} characters.`);
    if (UNPRINTABLE.test(form[field])) wrong(field, 'Use letters, digits and punctuation only.');
    return value;
  };
  const country = tidied(form.country).toUpperCase();
  const rule = countryRule(country);
  if (rule === undefined) wrong('country', 'Choose a country.');
  const read = {
    name: text('name', 'Enter the name the invoice is made out to.'),
    line1: text('line1', 'Enter street and number.'),
    line2: text('line2'),
    city: text('city', 'Enter the city.'),
    country,
  };
  const state = readState(text('state'), rule, wrong);
  const postalCode = readPostal(form, rule, wrong);
  const taxId = readTaxId(form, rule, wrong);
  if (problems.length > 0) return { outcome: 'invalid', problems };
  return { outcome: 'valid', details: { ...read, state, postalCode, ...taxId } };
}

type Wrong = (field: keyof DetailsForm, message: string) => void;

function readState(typed: string, rule: CountryRule | undefined, wrong: Wrong): string {
  if (rule === undefined || rule.states.length === 0) return typed;
  const found = rule.states.find(
    ([code, name]) => code === typed.toUpperCase() || name.toLowerCase() === typed.toLowerCase(),
  );
  if (found === undefined)
    wrong('state', `Choose a state or province of ${inSentence(rule.code)}.`);
  return found?.[0] ?? typed;
}

function readPostal(form: DetailsForm, rule: CountryRule | undefined, wrong: Wrong): string {
  const typed = tidied(form.postal_code).toUpperCase();
  if (typed.length > 20 || UNPRINTABLE.test(typed)) {
    wrong('postal_code', 'Use at most 20 letters and digits.');
  } else if (rule?.postal !== undefined && !rule.postal.pattern.test(typed)) {
    const what = typed === '' ? 'Enter the postal code' : `${typed} is no postal code`;
    wrong('postal_code', `${what} of ${inSentence(rule.code)}, such as ${rule.postal.example}.`);
  }
  return typed;
}

function readTaxId(
  form: DetailsForm,
  rule: CountryRule | undefined,
  wrong: Wrong,
): Pick<BillingDetails, 'taxIdType' | 'taxId'> {
  const none = { taxIdType: null, taxId: null };
  const typed = form.tax_id.toUpperCase().replace(/[\s.]/g, '');
  if (typed === '' || rule === undefined) return none;
  const kind = rule.taxIds.find((one) => one.type === form.tax_id_type) ?? rule.taxIds[0];
  if (kind === undefined) {
    wrong(
      'tax_id',
      `Leave it empty: no tax number can be used with an address in ${inSentence(rule.code)}.`,
    );
    return none;
  }
  if (!kind.pattern.test(typed)) {
    wrong(
      'tax_id',
      `${kind.label} of ${inSentence(rule.code)}: enter one such as ${kind.example}, or none.`,
    );
    return none;
  }
  return { taxIdType: kind.type, taxId: kind.written?.(typed) ?? typed };
}
