/**
 * What the Console's pages and its server say to each other: one schema per request and response.
 * Shared with the browser, hence zod/mini and no other import. Amounts are decimal USD strings
 * (interface: up to nine decimals), times RFC 3339 in UTC, ids opaque strings.
 */
import * as z from 'zod/mini';

const usd = z.string().check(z.regex(/^-?\d{1,18}(\.\d{1,9})?$/));
const time = z.string();
const id = z.string().check(z.minLength(1), z.maxLength(100));
/** A name people read. No control or bidirectional-override characters: they make names lie. */
const shortText = z
  .string()
  .check(
    z.trim(),
    z.minLength(1),
    z.maxLength(100),
    z.regex(/^[^\p{Cc}\u202a-\u202e\u2066-\u2069]*$/u),
  );

export const ROLES = [
  'user',
  'claude_code_user',
  'limited_developer',
  'developer',
  'billing',
  'admin',
] as const;
export const ABILITIES = [
  'billing.buy',
  'billing.view',
  'keys.manage',
  'usage.view',
  'members.manage',
  'limits.manage',
  'playground.use',
] as const;

const role = z.enum(ROLES);

/** Every refusal. `field` names the input at fault, `next_step` what the person can do now. */
export const errorBody = z.object({
  error: z.object({
    code: z.string(),
    message: z.string(),
    field: z.optional(z.string()),
    next_step: z.optional(z.string()),
    /** All inputs at fault, where a form has several. */
    problems: z.optional(z.array(z.object({ field: z.string(), message: z.string() }))),
  }),
});

/** An action that answers nothing but "done": sign-out, revocation. */
export const done = z.object({ ok: z.literal(true) });

// GET /api/site: the only thing a visitor who is not signed in may learn.
export const siteResponse = z.object({
  brand: z.string(),
  simulated: z.boolean(),
  /** There is a development mailbox to look into. */
  mailbox: z.optional(z.boolean()),
});

// POST /api/sign-in: the same answer whether or not the address is known.
export const signInRequest = z.object({
  email: z
    .string()
    .check(z.trim(), z.maxLength(254), z.regex(/^[^\s\p{Cc}@<>]{1,64}@[^\s\p{Cc}@<>]{1,189}$/u)),
});
export const signInResponse = z.object({ sent: z.literal(true), valid_minutes: z.int() });

// POST /api/sign-in/complete: pressed by a person, so a mail scanner that follows links burns none.
export const completeSignInRequest = z.object({
  token: z.string().check(z.minLength(20), z.maxLength(200)),
});
export const completeSignInResponse = done;

const membership = z.object({ id, name: z.string(), role });

// GET /api/me, POST /api/me/organization, POST /api/organizations
export const meResponse = z.object({
  user: z.object({ email: z.string() }),
  /** Null until the person belongs to one. */
  organization: z.nullable(z.object({ id, name: z.string() })),
  role: z.nullable(role),
  abilities: z.array(z.enum(ABILITIES)),
  organizations: z.array(membership),
  brand: z.string(),
  simulated: z.boolean(),
  /** Where programs send requests: for the examples the pages show. */
  gateway_url: z.optional(z.string()),
});
export const selectOrganizationRequest = z.object({ organization_id: id });
export const createOrganizationRequest = z.object({ name: shortText });

export const grant = z.object({
  id,
  kind: z.enum(['purchase', 'promotional', 'adjustment']),
  state: z.enum(['active', 'exhausted', 'expired', 'frozen', 'voided']),
  amount_usd: usd,
  remaining_usd: usd,
  granted_at: time,
  expires_at: time,
});

export const PURCHASE_STATES = [
  'draft',
  'opening',
  'awaiting_customer',
  'processing',
  'declined',
  'credited',
  'failed',
  'canceled',
  'expired',
  'abandoned',
  'quarantined',
] as const;

export const purchaseFailure = z.object({
  code: z.string(),
  class: z.string(),
  charged: z.literal(false),
  title: z.string(),
  message: z.string(),
  next_step: z.string(),
  reference: z.string(),
  /** Whose move it is. Missing, like the two below, in failures of the release before. */
  who_acts: z.optional(z.enum(['you', 'your_bank', 'us', 'nobody'])),
  /** When the same card may be tried again without a change of its details. */
  same_card: z.optional(z.string()),
  /** The card that was refused, as far as it may be named. */
  card: z.optional(z.nullable(z.object({ brand: z.string(), last4: z.string() }))),
});

export const purchase = z.object({
  id,
  type: z.literal('purchase'),
  state: z.enum(PURCHASE_STATES),
  trigger: z.string(),
  amount_usd: usd,
  tax_usd: usd,
  total_usd: usd,
  redirect_url: z.nullable(z.string()),
  grant_id: z.nullable(z.string()),
  failure: z.nullable(purchaseFailure),
  timeline: z.array(
    z.object({ state: z.enum(PURCHASE_STATES), at: time, detail: z.nullable(z.string()) }),
  ),
  receipt_url: z.nullable(z.string()),
  overlay: z.optional(
    z.nullable(z.enum(['disputed', 'dispute_lost', 'refunded', 'part_refunded', 'dispute_won'])),
  ),
  refunded_usd: z.optional(usd),
});

// GET /api/billing
export const billingResponse = z.object({
  available_usd: usd,
  held_usd: usd,
  frozen_usd: usd,
  debt_usd: usd,
  /** To be said before a card is charged; null while nothing is owed. */
  debt_notice: z.optional(z.nullable(z.string())),
  grants: z.array(grant),
  open_purchase: z.nullable(purchase),
  /** Credit still comes, by polling; whoever runs this should know. */
  webhooks_silent: z.boolean(),
  limits: z.object({ minimum_usd: usd, maximum_usd: usd }),
  /** What is agreed to when the card of a purchase is kept. */
  card_consent: z.optional(z.object({ version: z.string(), text: z.string() })),
});

// GET /api/billing/history?before=SEQ, newest first; SEQ is the `seq` of the last line seen
export const historyQuery = z.object({
  before: z.optional(z.string().check(z.regex(/^\d{1,18}\.\d{1,4}$/))),
});
export const historyLine = z.object({
  seq: z.string(),
  at: time,
  /** The ledger's template code, e.g. `credit.purchase`; stable, for scripts and icons. */
  kind: z.string(),
  /** The same in words. */
  title: z.string(),
  amount_usd: usd,
  balance_usd: z.optional(usd),
  reference: z.nullable(z.string()),
});
export const historyResponse = z.object({ data: z.array(historyLine), has_more: z.boolean() });

// GET and POST /api/purchases; GET /api/purchases/:id; POST …/refresh; POST …/cancel
export const purchaseList = z.object({ data: z.array(purchase) });
export const createPurchaseRequest = z.object({
  amount_usd: z.string().check(z.trim(), z.maxLength(30)),
  /** Chosen once per opened form: pressing the button twice is one purchase. */
  nonce: z.string().check(z.regex(/^[A-Za-z0-9_-]{8,64}$/)),
  /** The version of the text that was agreed to: the card is kept. Left out, it is not. */
  card_consent_version: z.optional(z.string().check(z.maxLength(40))),
});

// GET and POST /api/keys; POST /api/keys/:id/{disable,enable,revoke}
export const apiKey = z.object({
  id,
  name: z.string(),
  hint: z.string(),
  kind: z.enum(['workspace', 'admin']),
  status: z.enum(['active', 'inactive', 'revoked', 'expired']),
  created_at: time,
  expires_at: z.nullable(time),
});
/** `now` is the server's time, by which keys end. */
export const keyList = z.object({ data: z.array(apiKey), now: time });
/** How long a key can live; its end is fixed when it is made. */
export const KEY_LIFETIMES = ['3h', '1d', '7d', '30d', 'never'] as const;
/** A lifetime, or the moment the key ends; without it, never. */
export const createKeyRequest = z.object({
  name: shortText,
  expires: z.optional(z.union([z.enum(KEY_LIFETIMES), z.iso.datetime({ offset: true })])),
});
/** The only answer that ever carries `key`; it is not stored and cannot be asked for again. */
export const createKeyResponse = z.object({ id, key: z.string(), hint: z.string() });

export const LIMIT_LEVELS = ['tier', 'organization', 'workspace', 'api_key'] as const;
export const LIMIT_ACTIONS = ['notify_only', 'notify_and_pause'] as const;

export const LIMIT_SETTERS = ['member', 'admin_key', 'operator', 'tier'] as const;

export const spendLimit = z.object({
  level: z.enum(LIMIT_LEVELS),
  subject_id: id,
  /** As people call what is limited. */
  subject: z.string(),
  amount_usd: usd,
  action: z.enum(LIMIT_ACTIONS),
  charged_usd: usd,
  /** What requests under way may still cost. */
  held_usd: usd,
  reached_at: z.nullable(time),
  /** A person's address, or in words. */
  set_by: z.string(),
  set_by_kind: z.enum(LIMIT_SETTERS),
  set_at: time,
});

/** One time somebody set, changed or removed a limit. */
export const limitChange = z.object({
  id,
  at: time,
  level: z.enum(LIMIT_LEVELS),
  subject_id: id,
  subject: z.string(),
  /** Null: it was removed. */
  amount_usd: z.nullable(usd),
  action: z.nullable(z.enum(LIMIT_ACTIONS)),
  /** Null: there was none. */
  before_usd: z.nullable(usd),
  set_by: z.string(),
  set_by_kind: z.enum(LIMIT_SETTERS),
});

const perMinute = z.object({ per_minute: z.int(), used: z.int() });

/** What a class of models shares in a minute; endpoints that ask no model count requests only. */
export const rateLimit = z.object({
  id,
  name: z.string(),
  models: z.array(z.string()),
  requests: perMinute,
  input_tokens: z.nullable(perMinute),
  output_tokens: z.nullable(perMinute),
});

// GET /api/limits; POST /api/limits
export const limitsResponse = z.object({
  spending: z.object({
    limits: z.array(spendLimit),
    /** Who set which limit when, newest first: the latest of them. */
    changes: z.array(limitChange),
    /** When the month that is counted is over. */
    resets_at: time,
    /** What else can be limited, and is not. */
    unlimited: z.array(
      z.object({
        level: z.enum(['organization', 'workspace', 'api_key']),
        subject_id: id,
        subject: z.string(),
      }),
    ),
  }),
  rates: z.object({
    /** Null: the organization is in no tier, and no rate is limited. */
    tier: z.nullable(z.string()),
    limits: z.array(rateLimit),
  }),
  hold_policy: z.enum(['auto', 'full', 'sliced']),
});
export const setLimitRequest = z.object({
  level: z.enum(['organization', 'workspace', 'api_key']),
  subject_id: id,
  /** For a month; null removes the limit. */
  amount_usd: z.nullable(z.string().check(z.trim(), z.maxLength(30))),
  action: z.enum(LIMIT_ACTIONS),
});

export type SpendLimit = z.infer<typeof spendLimit>;
export type LimitChange = z.infer<typeof limitChange>;
export type RateLimit = z.infer<typeof rateLimit>;
export type LimitsResponse = z.infer<typeof limitsResponse>;
export type SetLimitRequest = z.infer<typeof setLimitRequest>;
export type ErrorBody = z.infer<typeof errorBody>;
export type SiteResponse = z.infer<typeof siteResponse>;
export type SignInResponse = z.infer<typeof signInResponse>;
export type MeResponse = z.infer<typeof meResponse>;
export type Grant = z.infer<typeof grant>;
export type Purchase = z.infer<typeof purchase>;
export type PurchaseFailure = z.infer<typeof purchaseFailure>;
export type BillingResponse = z.infer<typeof billingResponse>;
export type HistoryLine = z.infer<typeof historyLine>;
export type HistoryResponse = z.infer<typeof historyResponse>;
export type ApiKey = z.infer<typeof apiKey>;
export type KeyList = z.infer<typeof keyList>;
export type CreateKeyRequest = z.infer<typeof createKeyRequest>;
export type CreateKeyResponse = z.infer<typeof createKeyResponse>;
