import type { ServerResponse } from 'node:http';
import { type ErrorType, errorBody, sendRaw } from './reply.ts';
import type { Scenario } from './scenario.ts';

/** Answers that are errors before any body: type and literal message, by scenario. */
const refusals: ReadonlyMap<string, readonly [ErrorType, string]> = new Map([
  ['error_400', ['invalid_request_error', 'The simulator was asked for a 400.']],
  ['error_401', ['authentication_error', 'invalid x-api-key']],
  ['error_402', ['billing_error', 'Billing error']],
  ['error_403', ['permission_error', 'The simulator was asked for a 403.']],
  ['error_404', ['not_found_error', 'The requested resource could not be found.']],
  ['error_409', ['conflict_error', 'The simulator was asked for a 409.']],
  ['error_413', ['request_too_large', 'Request exceeds the maximum size']],
  ['error_429', ['rate_limit_error', 'The simulator was asked for a 429.']],
  ['error_500', ['api_error', 'Internal server error']],
  ['error_503', ['unavailable_error', 'Service unavailable']],
  ['error_504', ['timeout_error', 'Request timeout']],
  ['overloaded', ['overloaded_error', 'Overloaded']],
]);

const advice = [
  ['retry_after', 'retry-after'],
  ['retry_after_ms', 'retry-after-ms'],
] as const;

/** Sends the error a scenario asks for, with the advice on retrying it asks for. False: it is none. */
export function sendRefusal(res: ServerResponse, scenario: Scenario, requestId: string): boolean {
  const refusal = refusals.get(scenario.name);
  if (refusal === undefined) return false;
  const [type, message] = refusal;
  const headers: Record<string, string> = {};
  for (const [key, name] of advice) {
    const value = scenario.numbers.get(key);
    if (value !== undefined) headers[name] = String(value);
  }
  const should = scenario.texts.get('should_retry');
  if (should !== undefined) headers['x-should-retry'] = should;
  const { status, body } = errorBody(type, message, requestId);
  sendRaw(res, status, body, requestId, headers);
  return true;
}
