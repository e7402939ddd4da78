import { describe, expect, test } from 'vitest';
import { errorEnvelope, REFUSALS, type RefusalCode, wireError } from './wire-errors.ts';

const requestId = 'req_1';

/** Statuses of the Messages API's error types. */
const statuses: Readonly<Record<string, readonly number[]>> = {
  invalid_request_error: [400, 405],
  authentication_error: [401],
  permission_error: [403],
  not_found_error: [404],
  conflict_error: [409],
  request_too_large: [413],
  timeout_error: [408, 504],
  api_error: [500, 502, 503],
  rate_limit_error: [429],
  overloaded_error: [503, 529],
};

function isCode(text: string): text is RefusalCode {
  return text in REFUSALS;
}
const codes = Object.keys(REFUSALS).filter(isCode);

describe('the table of refusals', () => {
  test.each(codes)('%s has a type that fits its status and is complete on the wire', (code) => {
    const { status, type, message } = REFUSALS[code];
    expect(statuses[type]).toContain(status);
    const error = wireError(code, { requestId });
    expect(JSON.parse(error.body)).toMatchObject({
      type: 'error',
      error: { type, message },
      request_id: requestId,
    });
    expect(error.headers['request-id']).toBe(requestId);
  });

  test('bad keys of every sort share one answer', () => {
    const [one, ...others] = (['invalid_api_key', 'key_revoked', 'key_expired'] as const).map(
      (code) => wireError(code, { requestId }),
    );
    for (const other of others) expect(other).toEqual(one);
  });

  test('what a retry cannot help says so, what it can says when', () => {
    const header = (code: RefusalCode) => wireError(code, { requestId }).headers['x-should-retry'];
    expect(header('insufficient_credit')).toBe('false');
    expect(header('in_debt')).toBe('false');
    expect(header('model_not_priced')).toBe('false');
    expect(header('ledger_unavailable')).toBe('true');
    expect(header('draining')).toBe('true');
    expect(wireError('draining', { requestId }).headers['retry-after']).toBe('1');
    expect(header('upstream_usage_unreliable')).toBe('true');
    const unreliable = wireError('upstream_usage_unreliable', { requestId });
    expect(unreliable.headers['retry-after']).toBe('60');
  });

  test('a brand stands in for the name in the literal text, as plain text', () => {
    const message = (brand?: string) => {
      const text = errorEnvelope('insufficient_credit', { requestId, brand });
      const body: { error: { message: string } } = JSON.parse(text);
      return body.error.message;
    };
    expect(message()).toContain('to access the Anthropic API.');
    expect(message('"$1" & Co')).toContain('to access the "$1" & Co API.');
  });
});
