/**
 * What the Billing page and its server say about address, tax, cards and estimates. Shared with the
 * browser, hence zod/mini and no other import. Amounts and times as in `../contract.ts`.
 */
import * as z from 'zod/mini';

const usd = z.string().check(z.regex(/^-?\d{1,18}(\.\d{1,9})?$/));
const typed = z.string().check(z.maxLength(300));
const nonce = z.string().check(z.regex(/^[A-Za-z0-9_-]{8,64}$/));
const time = z.string();

// GET and POST /api/billing/details
export const billingDetails = z.object({
  name: typed,
  line1: typed,
  line2: typed,
  city: typed,
  state: typed,
  postal_code: typed,
  country: typed,
  tax_id_type: typed,
  tax_id: typed,
});
export const country = z.object({
  code: z.string(),
  name: z.string(),
  /** False: credits are not sold there, and the form says so before anything else. */
  sold: z.boolean(),
  postal_example: z.nullable(z.string()),
  states: z.array(z.object({ code: z.string(), name: z.string() })),
  tax_ids: z.array(z.object({ type: z.string(), label: z.string(), example: z.string() })),
});
export const detailsResponse = z.object({
  details: z.nullable(billingDetails),
  /** Nobody can pay before it is entered. */
  needed_first: z.boolean(),
  countries: z.array(country),
});
export const detailsSaved = z.object({
  details: billingDetails,
  /** False: the payment page will ask for it again, because the processor was not reached. */
  copied: z.boolean(),
});

const refusedFor = z.object({
  code: z.string(),
  class: z.string(),
  title: z.string(),
  message: z.string(),
  next_step: z.string(),
});
const thing = z.object({
  kind: z.enum(['total', 'address', 'verification', 'card']),
  bearing: z.enum(['fine', 'worth_a_look', 'in_the_way']),
  title: z.string(),
  text: z.string(),
});

// POST /api/billing/quote: what a purchase would come to, decided before anybody is sent to pay
export const quoteRequest = z.object({ amount_usd: z.string().check(z.trim(), z.maxLength(30)) });
export const quoteResponse = z.object({
  amount_usd: usd,
  tax_usd: z.nullable(usd),
  total_usd: z.nullable(usd),
  tax_note: z.enum(['none', 'computed', 'address_needed', 'address_refused', 'not_known_yet']),
  tax_lines: z.array(
    z.object({
      name: z.string(),
      percent: z.nullable(z.string()),
      amount_usd: usd,
      reason: z.nullable(z.string()),
    }),
  ),
  clears_debt_usd: usd,
  usable_usd: usd,
  refusal: z.nullable(refusedFor),
  resting_cards: z.array(z.object({ brand: z.string(), last4: z.string(), until: time })),
  things_to_check: z.array(thing),
  subscription_url: z.nullable(z.string()),
});

// GET /api/purchases/:id/advice: the same four things, from how that purchase went
export const adviceResponse = z.object({
  things_to_check: z.array(thing),
  subscription_url: z.nullable(z.string()),
});

// POST /api/billing/estimate: what an amount buys
export const estimateRequest = z.object({
  amount_usd: z.string().check(z.trim(), z.maxLength(30)),
  planned: z.optional(
    z.object({
      model: z.string().check(z.maxLength(200)),
      input_tokens: z.int().check(z.gte(0), z.lte(10_000_000)),
      output_tokens: z.int().check(z.gte(0), z.lte(10_000_000)),
    }),
  ),
});
export const estimateResponse = z.object({
  /** Null where nothing was charged in the last 30 days. Counts are decimal strings. */
  own: z.nullable(
    z.object({
      requests: z.string(),
      days: z.string(),
      charged_usd: usd,
      charged_requests: z.string(),
      models: z.array(z.object({ model: z.string(), requests: z.string(), charged_usd: usd })),
    }),
  ),
  planned: z.nullable(
    z.object({ each_usd: z.nullable(usd), requests: z.nullable(z.string()), priced: z.boolean() }),
  ),
  models: z.array(z.object({ id: z.string(), name: z.string() })),
});

// GET /api/cards; POST /api/cards/:id/{default,remove}
export const savedCard = z.object({
  id: z.string(),
  brand: z.string(),
  last4: z.string(),
  exp_month: z.int(),
  exp_year: z.int(),
  country: z.nullable(z.string()),
  funding: z.string(),
  is_default: z.boolean(),
  expiry: z.enum(['good', 'ends_soon', 'expired']),
  /** Why it works for purchases in person and never for auto-reload; null if it works for both. */
  attended_only: z.nullable(z.enum(['expired', 'holder_must_be_present', 'country_not_sold_to'])),
  rests_until: z.nullable(time),
});
export const cardList = z.object({
  data: z.array(savedCard),
  /** False: the processor could not be asked, and this is what it told last. */
  current: z.boolean(),
  consent: z.object({ version: z.string(), text: z.string() }),
});

// POST /api/cards/setups; POST /api/cards/setups/:id/refresh
export const createSetupRequest = z.object({
  nonce,
  /** The version of the text that was agreed to. */
  consent_version: z.string().check(z.maxLength(40)),
  replaces: z.optional(z.string().check(z.maxLength(100))),
});
export const cardSetup = z.object({
  id: z.string(),
  state: z.enum(['opening', 'open', 'saved', 'refused', 'expired']),
  redirect_url: z.nullable(z.string()),
  card_id: z.nullable(z.string()),
  failure: z.nullable(refusedFor),
});

export type BillingDetails = z.infer<typeof billingDetails>;
export type Country = z.infer<typeof country>;
export type DetailsResponse = z.infer<typeof detailsResponse>;
export type DetailsSaved = z.infer<typeof detailsSaved>;
export type Quote = z.infer<typeof quoteResponse>;
export type ThingToCheck = z.infer<typeof thing>;
export type Advice = z.infer<typeof adviceResponse>;
export type Estimate = z.infer<typeof estimateResponse>;
export type SavedCard = z.infer<typeof savedCard>;
export type CardList = z.infer<typeof cardList>;
export type CardSetup = z.infer<typeof cardSetup>;
export type RefusedFor = z.infer<typeof refusedFor>;
