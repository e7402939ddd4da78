import type { IncomingMessage } from 'node:http';
import { StripeFailure, unauthorized } from './error.ts';

/** Lets test keys in, and tells the others apart. */
export function authenticate(request: IncomingMessage): void {
  const key = keyOf(request.headers.authorization ?? '');
  if (key === '') {
    throw unauthorized(
      'You did not provide an API key. Send it with HTTP Basic or in the Authorization header ' +
        'as a bearer token.',
    );
  }
  if (/^[sr]k_live_/.test(key)) {
    throw unauthorized('This is a simulator: live keys are refused. Use a key like sk_test_….');
  }
  if (key.startsWith('rk_test_')) {
    throw new StripeFailure(403, {
      type: 'invalid_request_error',
      message: 'The provided restricted key does not have the required permissions.',
    });
  }
  // Real ones name their account after `51`. Whoever sends one here has the wrong address.
  if (/^sk_test_51\w{60,}$/.test(key)) {
    throw unauthorized('This is a simulator: this looks like a real key. Use one you made up.');
  }
  if (!/^sk_test_\w+$/.test(key)) throw unauthorized('Invalid API Key provided.');
}

function keyOf(authorization: string): string {
  const [scheme = '', value = ''] = authorization.split(' ', 2);
  if (scheme.toLowerCase() === 'bearer') return value;
  if (scheme.toLowerCase() !== 'basic') return '';
  return Buffer.from(value, 'base64').toString('utf8').split(':', 1)[0] ?? '';
}
