import type { CardEntry, EntryRefusal } from './card-entry.ts';
import { field, problemBox } from './page-html.ts';
import type { CardHolder } from './payment-methods.ts';
import { drawer, scenarioNumber } from './scenarios.ts';

export type Typed = Readonly<Record<string, string>>;

export interface CardForm {
  action: string;
  button: string;
  /** What went wrong with the last try, and which field it is about. */
  problem: { text: string; field: EntryRefusal['field'] | null } | null;
  typed: Typed;
  asksEmail: boolean;
  asksTaxId: boolean;
  note: string;
}

/** What a person on the page filled in. */
export interface Filled {
  entry: CardEntry;
  holder: CardHolder;
  taxId: string | null;
  /** All of it but the card, to be shown again. */
  typed: Typed;
}

const KEPT = ['email', 'name', 'country', 'state', 'postal_code', 'line1', 'city', 'tax_id'];

export function cardForm(form: CardForm): string {
  const { typed } = form;
  const wrong = form.problem?.field ?? null;
  const digits = 'inputmode="numeric" required';
  const number = `${digits} placeholder="4242 4242 4242 4242"`;
  return `${problemBox(form.problem?.text ?? null)}
<form method="post" action="${form.action}" autocomplete="off">
${form.asksEmail ? field(typed, 'email', 'Email', 'type="email" required') : ''}
${field(typed, 'number', 'Card number', number, wrong)}
<div class="pair"><div>
${field(typed, 'expiry', 'Expiry (MM / YY)', `${digits} placeholder="12 / 34"`, wrong)}</div><div>
${field(typed, 'cvc', 'CVC', `${digits} placeholder="123"`, wrong)}</div></div>
${field(typed, 'name', 'Name on card', 'required')}
${addressFields(typed, wrong)}
${form.asksTaxId ? taxIdField(typed, wrong) : ''}
${wrong === 'human' ? PERSON : ''}
${form.note}
<button type="submit">${form.button}</button>
${drawer()}
</form>`;
}

/** What stands in for pictures to be sorted. */
const PERSON = `<p><label for="human"><input id="human" name="human" type="checkbox" value="yes" required
aria-describedby="problem"> I am a person</label></p>`;

export function addressFields(typed: Typed, wrong: string | null): string {
  const country = 'required maxlength="2" pattern="[A-Za-z]{2}" autocapitalize="characters"';
  return `${field(typed, 'line1', 'Street (optional)', '')}
<div class="pair"><div>${field(typed, 'city', 'City (optional)', '')}</div>
<div>${field(typed, 'postal_code', 'Postal code', '', wrong === 'address' ? 'postal_code' : null)}
</div></div>
<div class="pair"><div>${field(typed, 'state', 'State (US, CA)', 'maxlength="20"')}</div>
<div>${field(typed, 'country', 'Country (code)', country)}</div></div>`;
}

export function taxIdField(typed: Typed, wrong: string | null): string {
  return field(typed, 'tax_id', 'Business tax ID (optional)', '', wrong);
}

/** A scenario's button stands for a card, a valid date and code, and a name. */
export function readFilled(form: URLSearchParams, nowSeconds: number): Filled {
  const text = (name: string) => (form.get(name) ?? '').trim();
  const played = scenarioNumber(text('scenario'));
  const [month = '', year = ''] = expiryParts(text('expiry'));
  const next = new Date(nowSeconds * 1000).getUTCFullYear() + 3;
  const human = played !== undefined || text('human') === 'yes';
  const entry =
    played === undefined
      ? { number: text('number'), expMonth: month, expYear: year, cvc: text('cvc'), human }
      : { number: played, expMonth: '12', expYear: String(next), cvc: '123', human };
  return {
    entry,
    holder: {
      name: text('name') || (played === undefined ? null : 'Test Person'),
      email: text('email') || (played === undefined ? null : 'person@example.test'),
      ...placeIn(text, played !== undefined),
    },
    taxId: text('tax_id') || null,
    typed: Object.fromEntries(KEPT.map((name) => [name, text(name)])),
  };
}

function placeIn(text: (name: string) => string, played: boolean) {
  const country = text('country').toUpperCase() || (played ? 'US' : null);
  const nowhere = played && text('postal_code') === '' && country === 'US';
  return {
    country,
    postalCode: nowhere ? '10001' : text('postal_code') || null,
    line1: text('line1') || null,
    city: text('city') || null,
    state: text('state').toUpperCase() || null,
  };
}

function expiryParts(text: string): string[] {
  const digits = text.replaceAll(/\s/g, '');
  return digits.includes('/') ? digits.split('/', 2) : [digits.slice(0, 2), digits.slice(2)];
}
