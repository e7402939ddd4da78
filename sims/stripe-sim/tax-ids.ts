import type Stripe from 'stripe';
import { customerNamed } from './customer-object.ts';
import { invalid, missing } from './error.ts';
import { emit } from './events.ts';
import { newId } from './ids.ts';
import { page } from './list.ts';
import { PAGE_NAMES, type Params } from './params.ts';
import { bankDelay, later } from './schedule.ts';
import { type Call, type Cause, NO_REQUEST, type Route, type Sim } from './sim.ts';

const EU = '(AT|BE|BG|CY|CZ|DE|DK|EE|EL|ES|FI|FR|HR|HU|IE|IT|LT|LU|LV|MT|NL|PL|PT|RO|SE|SI|SK|XI)';

/** What a number of each type looks like. A type not in the table is refused as unknown. */
const FORMATS: Record<string, RegExp> = {
  ae_trn: /^\d{15}$/,
  au_abn: /^\d{11}$/,
  br_cnpj: /^\d{2}\.?\d{3}\.?\d{3}\/?\d{4}-?\d{2}$/,
  ca_bn: /^\d{9}$/,
  ca_gst_hst: /^\d{9}RT\d{4}$/,
  ch_uid: /^CHE-?\d{3}\.?\d{3}\.?\d{3}( (HR|MWST))?$/,
  ch_vat: /^CHE-?\d{3}\.?\d{3}\.?\d{3} (MWST|TVA|IVA)$/,
  eu_vat: new RegExp(`^${EU}[0-9A-Z+*]{2,13}$`),
  gb_vat: /^(GB)?\d{9}(\d{3})?$/,
  hk_br: /^\d{8}$/,
  il_vat: /^\d{9}$/,
  in_gst: /^\d{2}[A-Z]{5}\d{4}[A-Z]\d[A-Z0-9]{2}$/,
  jp_cn: /^\d{13}$/,
  jp_trn: /^T\d{13}$/,
  kr_brn: /^\d{3}-\d{2}-\d{5}$/,
  mx_rfc: /^[A-Z&Ñ]{3,4}\d{6}[A-Z0-9]{3}$/,
  no_vat: /^\d{9}MVA$/,
  nz_gst: /^\d{8,9}$/,
  sg_gst: /^M\d{8}X$|^\d{9}[A-Z]$/,
  th_vat: /^\d{13}$/,
  tw_vat: /^\d{8}$/,
  us_ein: /^\d{2}-\d{7}$/,
  za_vat: /^4\d{9}$/,
};

/** Only these are checked with the authority that gave them. */
const VERIFIED = ['eu_vat', 'gb_vat', 'au_abn'];

const TAX_ID_TYPES: readonly string[] = Object.keys(FORMATS);

export interface GivenTaxId {
  type: string;
  value: string;
}

/** Refuses a number that cannot be one of its type. */
export function checkTaxId(type: string, value: string, param: string): GivenTaxId {
  const format = FORMATS[type];
  if (format === undefined) throw invalid(`Invalid tax id type: ${type}`, param);
  if (format.test(value.toUpperCase())) return { type, value: value.toUpperCase() };
  throw invalid(`Invalid value for ${type}.`, param, 'tax_id_invalid');
}

export function readTaxId(params: Params): GivenTaxId {
  return checkTaxId(params.required('type'), params.required('value'), params.name('value'));
}

export function taxIdsOf(sim: Sim, customer: string | null): Stripe.TaxId[] {
  return sim.store.tax_ids.newestFirst().filter((row) => row.customer === customer);
}

export function addTaxId(sim: Sim, cause: Cause, customer: string, given: GivenTaxId) {
  const known = taxIdsOf(sim, customer).find(
    (row) => row.type === given.type && row.value === given.value,
  );
  if (known !== undefined) return known;
  const checked = VERIFIED.includes(given.type);
  const taxId = sim.store.tax_ids.put({
    id: newId(sim, 'txi'),
    object: 'tax_id',
    country: countryOf(given),
    created: sim.now(),
    customer,
    customer_account: null,
    livemode: false,
    owner: { customer, customer_account: null, type: 'customer' },
    type: given.type,
    value: given.value,
    verification: {
      status: checked ? 'pending' : 'unavailable',
      verified_address: null,
      verified_name: null,
    },
  });
  emit(sim, cause, 'customer.tax_id.created', taxId);
  if (checked) later(sim, 'tax_id_checked', taxId.id, bankDelay(sim));
  return taxId;
}

/** As in test mode: all ones do not exist, all twos are never answered, the rest is genuine. */
export function verifyTaxId(sim: Sim, id: string): void {
  const before = sim.store.tax_ids.get(id);
  if (before === undefined || /^[A-Z]*2+$/.test(before.value)) return;
  const genuine = !/^[A-Z]*1+$/.test(before.value);
  const taxId = sim.store.tax_ids.put({
    ...before,
    verification: {
      status: genuine ? 'verified' : 'unverified',
      verified_address: genuine ? '1 Registered Street' : null,
      verified_name: genuine ? 'Registered Company' : null,
    },
  });
  emit(sim, NO_REQUEST, 'customer.tax_id.updated', taxId, { verification: before.verification });
}

/** The type a business of this country gives; `unknown` if there is none in the table. */
export function taxIdTypeFor(country: string): string {
  const prefix = country === 'GR' ? 'EL' : country;
  if (new RegExp(`^${EU}$`).test(prefix)) return 'eu_vat';
  const start = `${country.toLowerCase()}_`;
  return TAX_ID_TYPES.find((type) => type.startsWith(start)) ?? 'unknown';
}

function countryOf({ type, value }: GivenTaxId): string {
  if (type !== 'eu_vat') return type.slice(0, 2).toUpperCase();
  const prefix = value.slice(0, 2);
  return prefix === 'EL' ? 'GR' : prefix;
}

function taxIdNamed(call: Call): Stripe.TaxId {
  const found = call.sim.store.tax_ids.get(call.child);
  if (found?.customer !== call.id) throw missing('tax_id', call.child);
  return found;
}

function remove(call: Call): object {
  const taxId = taxIdNamed(call);
  call.sim.store.tax_ids.remove(taxId.id);
  emit(call.sim, call.cause, 'customer.tax_id.deleted', taxId);
  return { id: taxId.id, object: 'tax_id', deleted: true };
}

const PATH = '/v1/customers/:id/tax_ids';

export const taxIdRoutes: Route[] = [
  {
    method: 'POST',
    path: PATH,
    names: ['type', 'value', 'expand.#'],
    run: ({ sim, cause, params, id }) =>
      addTaxId(sim, cause, customerNamed(sim, id).id, readTaxId(params)),
  },
  {
    method: 'GET',
    path: PATH,
    names: PAGE_NAMES,
    run: (call) => {
      const customer = customerNamed(call.sim, call.id).id;
      return page(call, `/v1/customers/${customer}/tax_ids`, taxIdsOf(call.sim, customer));
    },
  },
  { method: 'GET', path: `${PATH}/:child`, names: ['expand.#'], run: taxIdNamed },
  { method: 'DELETE', path: `${PATH}/:child`, names: [], run: remove },
];
