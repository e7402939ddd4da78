import type Stripe from 'stripe';
import { invalid } from './error.ts';
import { emit } from './events.ts';
import { authorizationNamed, authorizationNow } from './issuing-authorization-object.ts';
import { type Asked, authorize } from './issuing-authorizations.ts';
import { issuedCard } from './issuing-cards.ts';
import { capture, expire, increment, reverse } from './issuing-course.ts';
import { page } from './list.ts';
import { checkedCategory, MERCHANT_CATEGORIES } from './merchant-categories.ts';
import { LIST_NAMES, type Params } from './params.ts';
import type { Call, Route } from './sim.ts';

type Authorization = Stripe.Issuing.Authorization;

const MERCHANT_FIELDS = ['city', 'name', 'postal_code', 'state', 'terminal_id', 'url'] as const;
const CHECKS = ['match', 'mismatch', 'not_provided'] as const;
const CHECK_NAMES = [
  'address_line1_check',
  'address_postal_code_check',
  'cvc_check',
  'expiry_check',
] as const;

function create(call: Call): Authorization {
  const { sim, cause, params } = call;
  const card = issuedCard(sim, params.required('card'), 'card');
  const currency = params.currency('currency', card.currency);
  const amount = params.integer('amount');
  if (amount === undefined) params.required('amount');
  if (amount === undefined || amount < 0) throw invalid('Invalid positive integer', 'amount');
  const asked: Asked = {
    ...{ card: card.id, amount, currency },
    method:
      params.oneOf('authorization_method', [
        'chip',
        'contactless',
        'keyed_in',
        'online',
        'swipe',
      ]) ?? 'online',
    merchant: merchantIn(params),
    verification: verificationIn(params),
    acquirer: params.textOrNull('network_data.acquiring_institution_id'),
    wallet: params.oneOf('wallet', ['apple_pay', 'google_pay', 'samsung_pay']) ?? null,
  };
  return authorize(sim, cause, asked).authorization;
}

function merchantIn(params: Params): Stripe.Issuing.Authorization.MerchantData {
  const at = 'merchant_data';
  const category = checkedCategory(
    params.text(`${at}.category`) ?? 'computer_software_stores',
    params.name(`${at}.category`),
  );
  const text = (name: (typeof MERCHANT_FIELDS)[number]) => params.textOrNull(`${at}.${name}`);
  return {
    category,
    category_code: MERCHANT_CATEGORIES[category] ?? '',
    city: text('city'),
    country: params.text(`${at}.country`) ?? 'US',
    name: text('name') ?? 'TEST MERCHANT',
    network_id: params.text(`${at}.network_id`) ?? '1234567890',
    postal_code: text('postal_code'),
    state: text('state'),
    tax_id: null,
    terminal_id: text('terminal_id'),
    url: text('url'),
  };
}

function verificationIn(params: Params): Stripe.Issuing.Authorization.VerificationData {
  const check = (name: (typeof CHECK_NAMES)[number]) =>
    params.oneOf(`verification_data.${name}`, CHECKS) ?? 'not_provided';
  const shown = params.oneOf('verification_data.three_d_secure.result', [
    'attempt_acknowledged',
    'authenticated',
    'failed',
    'required',
  ]);
  return {
    address_line1_check: check('address_line1_check'),
    address_postal_code_check: check('address_postal_code_check'),
    authentication_exemption: null,
    cvc_check: check('cvc_check'),
    expiry_check: check('expiry_check'),
    postal_code: null,
    three_d_secure: shown === undefined ? null : { result: shown },
  };
}

function update({ sim, cause, params, id }: Call): Authorization {
  const { metadata: before } = authorizationNamed(sim, id);
  const row = sim.store.issuing_authorizations.get(id);
  if (row === undefined) return authorizationNamed(sim, id);
  const metadata = params.metadata('metadata', before);
  const after = authorizationNow(sim, sim.store.issuing_authorizations.put({ ...row, metadata }));
  emit(sim, cause, 'issuing_authorization.updated', after, { metadata: before });
  return after;
}

function list(call: Call): object {
  const { sim, params } = call;
  const card = params.text('card');
  const owner = params.text('cardholder');
  const status = params.oneOf('status', ['pending', 'closed', 'reversed', 'expired']);
  const rows = sim.store.issuing_authorizations
    .newestFirst()
    .filter((row) => card === undefined || row.card.id === card)
    .filter((row) => owner === undefined || row.cardholder === owner)
    .filter((row) => status === undefined || row.status === status)
    .map((row) => authorizationNow(sim, row));
  return page(call, '/v1/issuing/authorizations', rows);
}

const HELPERS = '/v1/test_helpers/issuing/authorizations';

export const issuingRoutes: Route[] = [
  {
    method: 'GET',
    path: '/v1/issuing/authorizations',
    names: [...LIST_NAMES, 'card', 'cardholder', 'status'],
    run: list,
  },
  {
    method: 'GET',
    path: '/v1/issuing/authorizations/:id',
    names: ['expand.#'],
    run: ({ sim, id }) => authorizationNamed(sim, id),
  },
  {
    method: 'POST',
    path: '/v1/issuing/authorizations/:id',
    names: ['metadata.*', 'expand.#'],
    run: update,
  },
  {
    method: 'POST',
    path: HELPERS,
    names: [
      ...['card', 'amount', 'currency', 'authorization_method', 'wallet', 'expand.#'],
      ...['category', 'country', 'network_id', ...MERCHANT_FIELDS].map((n) => `merchant_data.${n}`),
      ...CHECK_NAMES.map((name) => `verification_data.${name}`),
      'verification_data.three_d_secure.result',
      'network_data.acquiring_institution_id',
    ],
    run: create,
  },
  {
    method: 'POST',
    path: `${HELPERS}/:id/capture`,
    names: ['capture_amount', 'close_authorization', 'expand.#'],
    run: ({ sim, cause, params, id }) =>
      capture(sim, cause, id, {
        amount: params.integer('capture_amount'),
        close: params.flag('close_authorization'),
      }),
  },
  {
    method: 'POST',
    path: `${HELPERS}/:id/reverse`,
    names: ['reverse_amount', 'expand.#'],
    run: ({ sim, cause, params, id }) => reverse(sim, cause, id, params.integer('reverse_amount')),
  },
  {
    method: 'POST',
    path: `${HELPERS}/:id/expire`,
    names: ['expand.#'],
    run: ({ sim, cause, id }) => expire(sim, cause, id),
  },
  {
    method: 'POST',
    path: `${HELPERS}/:id/increment`,
    names: ['increment_amount', 'expand.#'],
    run: ({ sim, cause, params, id }) =>
      increment(sim, cause, id, params.integer('increment_amount') ?? 0),
  },
];
