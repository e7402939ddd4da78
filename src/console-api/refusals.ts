import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { hasZodFastifySchemaValidationErrors } from 'fastify-type-provider-zod';
import type { ErrorBody } from './contract.ts';

interface Refusal {
  readonly status: number;
  readonly message: string;
  readonly nextStep?: string;
  readonly field?: string;
}

/** Every way the Console's API says no: code → status and words for a person. */
export const REFUSALS = {
  not_signed_in: {
    status: 401,
    message: 'You are not signed in.',
    nextStep: 'Sign in and try again.',
  },
  link_invalid: {
    status: 400,
    message: 'This sign-in link no longer works. Links work once, and for 15 minutes.',
    nextStep: 'Ask for a new link.',
  },
  too_many_links: {
    status: 429,
    message: 'Too many sign-in links were asked for.',
    nextStep: 'Use the newest mail you have, or try again in 15 minutes.',
  },
  mail_unavailable: {
    status: 503,
    message: 'The mail could not be sent.',
    nextStep: 'Try again in a minute.',
  },
  cross_site: {
    status: 403,
    message: 'This request came from another site and was not carried out.',
    nextStep: 'Open the Console itself and try again there.',
  },
  forbidden: { status: 403, message: 'Your role does not allow this.' },
  no_organization: {
    status: 409,
    message: 'You do not belong to an organization yet.',
    nextStep: 'Create one, or ask to be invited.',
  },
  too_many_organizations: {
    status: 409,
    message: 'You belong to as many organizations as one person can.',
  },
  too_many_keys: {
    status: 409,
    message: 'This organization has as many active API keys as it can.',
    nextStep: 'Revoke keys you no longer use.',
  },
  key_state: {
    status: 409,
    message: 'This key can no longer be changed so: it is revoked or expired.',
    nextStep: 'Create another key.',
  },
  key_end: {
    status: 400,
    message: 'A key ends at a moment within the next ten years, or never.',
    field: 'expires',
  },
  limit_amount: {
    status: 400,
    message: 'Enter an amount in US dollars, such as 25. 0 refuses every request.',
    field: 'amount_usd',
  },
  not_found: { status: 404, message: 'There is no such thing here.' },
  invalid_input: { status: 400, message: 'The request is not valid.' },
  invalid_content_type: { status: 415, message: 'Requests carry JSON.' },
  too_large: { status: 413, message: 'The request is too large.' },
  amount_invalid: {
    status: 400,
    message: 'Enter an amount in US dollars, such as 25.',
    field: 'amount_usd',
  },
  amount_too_small: { status: 400, message: 'The amount is too small.', field: 'amount_usd' },
  amount_too_large: { status: 400, message: 'The amount is too large.', field: 'amount_usd' },
  amount_not_cents: {
    status: 400,
    message: 'Cards are charged in whole cents.',
    nextStep: 'Enter at most two decimals.',
    field: 'amount_usd',
  },
  nonce_reused: {
    status: 409,
    message: 'This form was already used for another purchase.',
    nextStep: 'Reload the page and begin again. You were not charged twice.',
  },
  details_invalid: {
    status: 400,
    message: 'The billing address is not complete.',
    nextStep: 'Correct what is marked, and save again.',
  },
  region_not_supported: {
    status: 409,
    message: 'Credits are not sold to this country.',
    field: 'country',
  },
  billing_address_needed: {
    status: 409,
    message: 'A billing address is needed before credits can be bought.',
    nextStep: 'Enter your billing address, then buy.',
  },
  consent_outdated: {
    status: 409,
    message: 'The text you agreed to has changed since this page was loaded.',
    nextStep: 'Reload the page and read it again.',
  },
  reload_invalid: {
    status: 400,
    message: 'These settings cannot be kept.',
    nextStep: 'Correct what is marked, and save again. Nothing was changed.',
  },
  notices_invalid: {
    status: 400,
    message: 'These settings cannot be kept.',
    nextStep: 'Correct what is marked, and save again. Nothing was changed.',
  },
  notice_address_no_topics: {
    status: 400,
    message: 'Choose at least one thing this address is told about.',
    field: 'topics',
  },
  notice_address_too_many: {
    status: 409,
    message: 'This organization has as many added addresses as it can.',
    nextStep: 'Remove one, or add a mailing list of your own.',
  },
  notice_address_too_many_confirmations: {
    status: 429,
    message: 'This address was asked to agree several times today.',
    nextStep: 'Use the newest mail there, or try again tomorrow.',
  },
  notice_link_invalid: {
    status: 400,
    message: 'This link no longer works.',
    nextStep: 'Use the link of a newer mail, or ask an admin of the organization.',
  },
  card_expired: {
    status: 409,
    message: 'This card has expired and can no longer be charged.',
    nextStep: 'Save a new card instead.',
  },
  processor_unavailable: {
    status: 503,
    message: 'The payment service could not be reached. Nothing was changed.',
    nextStep: 'Try again in a minute.',
  },
  internal: {
    status: 500,
    message: 'Something went wrong on our side.',
    nextStep: 'Try again. If it happens again, report the request id.',
  },
} as const satisfies Record<string, Refusal>;

export type RefusalCode = keyof typeof REFUSALS;

/** What one occurrence says instead of its row of the table. */
export interface Said {
  readonly message?: string;
  readonly field?: string;
  readonly nextStep?: string;
  readonly problems?: readonly { readonly field: string; readonly message: string }[];
}

export function refuse(reply: FastifyReply, code: RefusalCode, said: Said = {}): FastifyReply {
  const row: Refusal = REFUSALS[code];
  const field = said.field ?? row.field;
  const nextStep = said.nextStep ?? row.nextStep;
  const body: ErrorBody = {
    error: {
      code,
      message: said.message ?? row.message,
      ...(field === undefined ? {} : { field }),
      ...(nextStep === undefined ? {} : { next_step: nextStep }),
      ...(said.problems === undefined ? {} : { problems: [...said.problems] }),
    },
  };
  return reply.code(row.status).type('application/json').send(JSON.stringify(body));
}

const FIELD_WORDS: Readonly<Record<string, string>> = {
  email: 'Enter an e-mail address, such as name@example.com.',
  name: 'Enter a name of 1 to 100 characters.',
  amount_usd: REFUSALS.amount_invalid.message,
  token: REFUSALS.link_invalid.message,
  expires: REFUSALS.key_end.message,
};

/** Turns what was thrown, here or in the framework, into a refusal. */
export function refuseFailure(
  failure: FastifyError,
  request: FastifyRequest,
  reply: FastifyReply,
): FastifyReply {
  if (hasZodFastifySchemaValidationErrors(failure)) {
    const field = failure.validation[0]?.instancePath.split('/')[1] ?? '';
    const words = FIELD_WORDS[field];
    return refuse(reply, 'invalid_input', {
      ...(field === '' ? {} : { field }),
      ...(words === undefined ? {} : { message: words }),
    });
  }
  if (failure.statusCode === 413) return refuse(reply, 'too_large');
  if (failure.statusCode === 415) return refuse(reply, 'invalid_content_type');
  const status = failure.statusCode ?? 500;
  if (status >= 400 && status < 500) return refuse(reply, 'invalid_input');
  request.log.error({ err: failure }, 'console request failed');
  return refuse(reply, 'internal');
}
