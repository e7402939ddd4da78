import type Stripe from 'stripe';
import { LINE_NAMES } from './line-items.ts';
import type { Params } from './params.ts';

type Session = Stripe.Checkout.Session;

/** Parameters of `POST /v1/checkout/sessions` the simulator takes. */
export const SESSION_NAMES: readonly string[] = [
  'mode',
  'ui_mode',
  'submit_type',
  'locale',
  'customer',
  'customer_email',
  'customer_creation',
  'client_reference_id',
  'automatic_tax.enabled',
  'billing_address_collection',
  'customer_update.address',
  'customer_update.name',
  'tax_id_collection.enabled',
  'tax_id_collection.required',
  'allowed_payment_method_types.#',
  'allow_promotion_codes',
  'invoice_creation.enabled',
  'invoice_creation.invoice_data.description',
  'invoice_creation.invoice_data.footer',
  'invoice_creation.invoice_data.metadata.*',
  'payment_intent_data.description',
  'payment_intent_data.metadata.*',
  'payment_intent_data.receipt_email',
  'payment_intent_data.setup_future_usage',
  'payment_intent_data.statement_descriptor_suffix',
  'setup_intent_data.description',
  'setup_intent_data.metadata.*',
  'currency',
  'consent_collection.payment_method_reuse_agreement.position',
  'payment_method_options.card.request_three_d_secure',
  'payment_method_options.card.setup_future_usage',
  'saved_payment_method_options.allow_redisplay_filters.#',
  'saved_payment_method_options.payment_method_save',
  'consent_collection.terms_of_service',
  'custom_text.submit.message',
  'custom_text.after_submit.message',
  'phone_number_collection.enabled',
  'branding_settings.display_name',
  'metadata.*',
  'expires_at',
  'success_url',
  'cancel_url',
  'expand.#',
  ...LINE_NAMES,
];

/** What Stripe fills in where nothing was asked for, and what the simulator never fills. */
const DEFAULTS = {
  object: 'checkout.session',
  adaptive_pricing: null,
  after_expiration: null,
  amount_subtotal: null,
  amount_total: null,
  automatic_tax: { enabled: false, liability: null, provider: null, status: null },
  client_secret: null,
  collected_information: null,
  consent: null,
  currency: null,
  currency_conversion: null,
  custom_fields: [],
  customer: null,
  customer_account: null,
  customer_details: null,
  discounts: [],
  integration_identifier: null,
  invoice: null,
  livemode: false,
  managed_payments: null,
  mode: 'payment',
  origin_context: null,
  payment_intent: null,
  payment_link: null,
  payment_method_collection: 'if_required',
  payment_method_configuration_details: null,
  payment_method_types: ['card'],
  payment_status: 'unpaid',
  permissions: null,
  recovered_from: null,
  setup_intent: null,
  shipping_address_collection: null,
  shipping_cost: null,
  shipping_options: [],
  status: 'open',
  subscription: null,
  success_url: null,
  total_details: null,
  url: null,
  wallet_options: null,
} satisfies Partial<Session>;

/** The parts of a session that only repeat what was asked for, and Stripe's defaults. */
export function sessionChoices(params: Params): Omit<Session, 'id' | 'created' | 'expires_at'> {
  const message = (path: string) => {
    const text = params.text(path);
    return text === undefined ? null : { message: text };
  };
  return {
    ...DEFAULTS,
    allow_promotion_codes: params.flag('allow_promotion_codes') ?? null,
    allowed_payment_method_types: allowedTypes(params),
    billing_address_collection:
      params.oneOf('billing_address_collection', ['auto', 'required']) ?? null,
    cancel_url: params.textOrNull('cancel_url'),
    client_reference_id: params.textOrNull('client_reference_id'),
    consent_collection: consentCollection(params),
    custom_text: {
      after_submit: message('custom_text.after_submit.message'),
      shipping_address: null,
      submit: message('custom_text.submit.message'),
      terms_of_service_acceptance: null,
    },
    customer_creation: params.oneOf('customer_creation', ['always', 'if_required']) ?? null,
    customer_email: params.textOrNull('customer_email'),
    invoice_creation: invoiceCreation(params),
    locale: params.textOrNull('locale'),
    metadata: params.metadata('metadata'),
    payment_method_options: { card: { request_three_d_secure: threeDSecure(params) } },
    phone_number_collection: { enabled: params.flag('phone_number_collection.enabled') ?? false },
    saved_payment_method_options: savedMethodOptions(params),
    submit_type: params.oneOf('submit_type', ['auto', 'book', 'donate', 'pay']) ?? null,
    tax_id_collection: {
      enabled: params.flag('tax_id_collection.enabled') ?? false,
      required: params.oneOf('tax_id_collection.required', ['if_supported', 'never']) ?? 'never',
    },
    ui_mode: params.oneOf('ui_mode', ['hosted_page']) ?? 'hosted_page',
  };
}

function threeDSecure(params: Params): 'any' | 'automatic' | 'challenge' {
  const path = 'payment_method_options.card.request_three_d_secure';
  return params.oneOf(path, ['any', 'automatic', 'challenge']) ?? 'automatic';
}

function allowedTypes(params: Params): string[] | null {
  const types = params.texts('allowed_payment_method_types');
  return types.length === 0 ? null : types;
}

function consentCollection(params: Params): Stripe.Checkout.Session.ConsentCollection | null {
  const terms = params.oneOf('consent_collection.terms_of_service', ['none', 'required']);
  if (terms === undefined) return null;
  return { payment_method_reuse_agreement: null, promotions: null, terms_of_service: terms };
}

function invoiceCreation(params: Params): Stripe.Checkout.Session.InvoiceCreation {
  return {
    enabled: params.flag('invoice_creation.enabled') ?? false,
    invoice_data: {
      account_tax_ids: null,
      custom_fields: null,
      description: params.textOrNull('invoice_creation.invoice_data.description'),
      footer: params.textOrNull('invoice_creation.invoice_data.footer'),
      issuer: null,
      metadata: params.metadata('invoice_creation.invoice_data.metadata'),
      rendering_options: null,
    },
  };
}

function savedMethodOptions(
  params: Params,
): Stripe.Checkout.Session.SavedPaymentMethodOptions | null {
  if (!params.given('saved_payment_method_options')) return null;
  const filters = params.texts('saved_payment_method_options.allow_redisplay_filters');
  const save = params.oneOf('saved_payment_method_options.payment_method_save', [
    'enabled',
    'disabled',
  ]);
  return {
    allow_redisplay_filters: filters.length === 0 ? null : filters,
    payment_method_remove: null,
    payment_method_save: save ?? null,
  };
}
