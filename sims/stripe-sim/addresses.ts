import type Stripe from 'stripe';
import type { Params } from './params.ts';

export const ADDRESS_FIELDS = [
  'city',
  'country',
  'line1',
  'line2',
  'postal_code',
  'state',
] as const;

export function addressNames(path: string): string[] {
  return [path, ...ADDRESS_FIELDS.map((field) => `${path}.${field}`)];
}

export function readAddress(params: Params, path: string): Stripe.Address | null {
  if (!ADDRESS_FIELDS.some((field) => params.given(`${path}.${field}`))) return null;
  return address({
    city: params.textOrNull(`${path}.city`),
    country: params.textOrNull(`${path}.country`),
    line1: params.textOrNull(`${path}.line1`),
    line2: params.textOrNull(`${path}.line2`),
    postal_code: params.textOrNull(`${path}.postal_code`),
    state: params.textOrNull(`${path}.state`),
  });
}

export function address(known: Partial<Stripe.Address>): Stripe.Address {
  return {
    city: null,
    country: null,
    line1: null,
    line2: null,
    postal_code: null,
    state: null,
    ...known,
  };
}
