/** One refusal as the wire shows it. */
interface Refusal {
  readonly status: number;
  readonly type: string;
  readonly message: string;
  /** `error.details.error_code`: what programs branch on. Absent where the public API has none. */
  readonly errorCode?: string;
  /** Undefined leaves the decision to the client's own rule for the status. */
  readonly shouldRetry?: boolean;
  readonly retryAfterSeconds?: number;
}

const CREDIT_TOO_LOW =
  'Your credit balance is too low to access the Anthropic API. ' +
  'Please go to Plans & Billing to upgrade or purchase credits.';

const invalidKey = {
  status: 401,
  type: 'authentication_error',
  message: 'invalid x-api-key',
  shouldRetry: false,
} as const;

const invalidRequest = {
  status: 400,
  type: 'invalid_request_error',
  shouldRetry: false,
} as const;

const conflict = { status: 409, type: 'conflict_error', shouldRetry: false } as const;

/**
 * The one map from an outcome's code to the wire. Every way a request can be refused is a row, and
 * the compiler holds each use to a row. Texts are those clients of the Messages API already match.
 */
export const REFUSALS = {
  // A key that is unknown, malformed, revoked or expired: one answer, so that none is a hint.
  invalid_api_key: invalidKey,
  key_revoked: invalidKey,
  key_expired: invalidKey,
  // Nothing is told to a stranger: who has the key already knows that there is one.
  api_key_paused: {
    status: 403,
    type: 'permission_error',
    message:
      'This API key is paused because it spent unusually fast. ' +
      'Whoever manages API keys in the Console can resume or revoke it.',
    errorCode: 'api_key_paused',
    shouldRetry: false,
  },
  // The public API's text: a page has to say that it hands its key to whoever opens it.
  browser_access_not_asked: {
    status: 401,
    type: 'authentication_error',
    message: "CORS requests must set 'anthropic-dangerous-direct-browser-access' header",
    shouldRetry: false,
  },
  admin_key_not_accepted: {
    status: 403,
    type: 'permission_error',
    message: 'Admin keys cannot be used for this endpoint. Use a workspace API key.',
    errorCode: 'admin_key_not_accepted',
    shouldRetry: false,
  },
  workspace_key_not_accepted: {
    status: 403,
    type: 'permission_error',
    message: 'Workspace API keys cannot be used for this endpoint. Use an Admin API key.',
    errorCode: 'workspace_key_not_accepted',
    shouldRetry: false,
  },
  organization_suspended: {
    status: 403,
    type: 'permission_error',
    message: 'This organization has been suspended.',
    errorCode: 'organization_suspended',
    shouldRetry: false,
  },
  insufficient_credit: {
    ...invalidRequest,
    message: CREDIT_TOO_LOW,
    errorCode: 'credit_balance_too_low',
  },
  in_debt: { ...invalidRequest, message: CREDIT_TOO_LOW, errorCode: 'account_in_debt' },
  // The text goes on with when access comes back.
  tier_limit_reached: {
    status: 429,
    type: 'rate_limit_error',
    message:
      'You have reached your API usage limits: your organization has crossed its monthly API ' +
      "usage threshold, set based on your organization's API tier.",
    errorCode: 'enforced_spend_limit_reached',
    shouldRetry: false,
  },
  organization_limit_reached: {
    ...invalidRequest,
    message: 'You have reached your specified API usage limits.',
    errorCode: 'spend_limit_reached',
  },
  workspace_limit_reached: {
    ...invalidRequest,
    message: 'You have reached your specified workspace API usage limits.',
    errorCode: 'spend_limit_reached',
  },
  api_key_limit_reached: {
    ...invalidRequest,
    message: 'You have reached your specified API key usage limits.',
    errorCode: 'spend_limit_reached',
  },
  // The text names the limit, the organization and the model.
  rate_limited: {
    status: 429,
    type: 'rate_limit_error',
    message: 'This request would exceed the rate limit for your organization',
    shouldRetry: true,
  },
  version_missing: { ...invalidRequest, message: 'anthropic-version: header is required' },
  version_unknown: {
    ...invalidRequest,
    message: 'anthropic-version: supported versions are 2023-06-01 and 2026-10-21',
  },
  encoding_unknown: {
    ...invalidRequest,
    message: 'content-encoding: supported encodings are gzip, deflate, br and zstd',
  },
  invalid_request: { ...invalidRequest, message: 'The request is not valid.' },
  tool_cost_unbounded: {
    ...invalidRequest,
    message: 'A server tool needs max_uses, so that its cost has an upper bound.',
    errorCode: 'tool_cost_unbounded',
  },
  thread_unsupported: {
    ...invalidRequest,
    message: 'thread: not offered here, because nothing in the request bounds what it can cost',
    errorCode: 'thread_unsupported_request',
  },
  model_not_priced: {
    status: 404,
    type: 'not_found_error',
    message: 'model: not found',
    errorCode: 'model_not_priced',
    shouldRetry: false,
  },
  model_not_found: {
    status: 404,
    type: 'not_found_error',
    message: 'model: not found',
    shouldRetry: false,
  },
  storage_quota_exceeded: {
    ...invalidRequest,
    message: 'Your file storage is full. Delete files you no longer need.',
    errorCode: 'storage_quota_exceeded',
  },
  not_found: {
    status: 404,
    type: 'not_found_error',
    message: 'The requested resource could not be found.',
    shouldRetry: false,
  },
  method_not_allowed: {
    status: 405,
    type: 'invalid_request_error',
    message: 'Method Not Allowed',
    shouldRetry: false,
  },
  idempotency_in_flight: {
    ...conflict,
    message: 'A request with this Idempotency-Key is still running.',
    errorCode: 'idempotency_in_flight',
  },
  idempotency_finished: {
    ...conflict,
    message: 'The request with this Idempotency-Key is finished. Its answer is not kept.',
    errorCode: 'idempotency_finished',
  },
  idempotency_mismatch: {
    ...conflict,
    message: 'This Idempotency-Key was used for another request.',
    errorCode: 'idempotency_mismatch',
  },
  request_too_large: {
    status: 413,
    type: 'request_too_large',
    message: 'Request exceeds the maximum size',
    shouldRetry: false,
  },
  request_timed_out: {
    status: 408,
    type: 'timeout_error',
    message: 'The request was not received in time.',
    shouldRetry: true,
  },
  ledger_unavailable: {
    status: 503,
    type: 'api_error',
    message: 'The ledger is not reachable right now. Please try again shortly.',
    errorCode: 'ledger_unavailable',
    shouldRetry: true,
    retryAfterSeconds: 1,
  },
  draining: {
    status: 503,
    type: 'overloaded_error',
    message: 'This server is shutting down. Please try again.',
    errorCode: 'draining',
    shouldRetry: true,
    retryAfterSeconds: 1,
  },
  // More at once than the memory of this process is for.
  overloaded: {
    status: 529,
    type: 'overloaded_error',
    message: 'Overloaded',
    shouldRetry: true,
    retryAfterSeconds: 5,
  },
  upstream_unreachable: {
    status: 502,
    type: 'api_error',
    message: 'The model could not be reached. You were not charged.',
    errorCode: 'upstream_unreachable',
    shouldRetry: true,
  },
  upstream_timed_out: {
    status: 504,
    type: 'timeout_error',
    message: 'Request timeout. You were not charged.',
    errorCode: 'upstream_timed_out',
    shouldRetry: true,
  },
  upstream_malformed: {
    status: 502,
    type: 'api_error',
    message: 'The model gave an answer that could not be read. You were not charged.',
    errorCode: 'upstream_malformed',
    shouldRetry: true,
  },
  // What was begun at an upstream that the operator has taken out of the configuration.
  upstream_removed: {
    status: 503,
    type: 'api_error',
    message: 'The server that this batch runs on is not available right now.',
    errorCode: 'upstream_removed',
    shouldRetry: true,
    retryAfterSeconds: 60,
  },
  upstream_usage_unreliable: {
    status: 503,
    type: 'api_error',
    message: 'This model is not available right now. You were not charged.',
    errorCode: 'upstream_usage_unreliable',
    shouldRetry: true,
    retryAfterSeconds: 60,
  },
  upstream_misconfigured: {
    status: 502,
    type: 'api_error',
    message: 'The model refused this server. You were not charged.',
    errorCode: 'upstream_misconfigured',
    shouldRetry: false,
  },
  internal: { status: 500, type: 'api_error', message: 'Internal server error' },
} as const satisfies Record<string, Refusal>;

export type RefusalCode = keyof typeof REFUSALS;

/** What one occurrence adds to its row of the table. */
export interface RefusalContext {
  readonly requestId: string;
  /** Replaces the fixed text where the reason can be named: a field, a model. */
  readonly message?: string;
  readonly details?: Readonly<Record<string, unknown>>;
  /** The operator's brand, only if one was configured. */
  readonly brand?: string | undefined;
}

export interface WireError {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** The envelope every refusal wears, also as the data of an `error` event in a stream. */
export const errorEnvelope = (code: RefusalCode, context: RefusalContext): string =>
  JSON.stringify(errorBody(code, context));

/** What programs branch on; null where the public API has none. */
export function errorCodeOf(code: RefusalCode): string | null {
  const refusal: Refusal = REFUSALS[code];
  return refusal.errorCode ?? null;
}

/** The same before it is text. */
export function errorBody(code: RefusalCode, context: RefusalContext) {
  const refusal: Refusal = REFUSALS[code];
  const details = {
    ...(refusal.errorCode === undefined ? {} : { error_code: refusal.errorCode }),
    ...context.details,
  };
  const message = context.message ?? branded(refusal.message, context.brand);
  return {
    type: 'error',
    error: {
      type: refusal.type,
      message,
      ...(Object.keys(details).length === 0 ? {} : { details }),
    },
    request_id: context.requestId,
  };
}

export function wireError(code: RefusalCode, context: RefusalContext): WireError {
  const refusal: Refusal = REFUSALS[code];
  const headers: Record<string, string> = {
    'content-type': 'application/json',
    'request-id': context.requestId,
  };
  if (refusal.shouldRetry !== undefined) {
    headers['x-should-retry'] = refusal.shouldRetry ? 'true' : 'false';
  }
  if (refusal.retryAfterSeconds !== undefined) {
    headers['retry-after'] = String(refusal.retryAfterSeconds);
  }
  return { status: refusal.status, headers, body: errorEnvelope(code, context) };
}

const branded = (message: string, brand: string | undefined): string =>
  brand === undefined ? message : message.replace('the Anthropic API', () => `the ${brand} API`);
