/** Whose processor the payment scenarios run at. */
export type Account =
  | { readonly kind: 'simulated' }
  | {
      readonly kind: 'real';
      readonly secretKey: string;
      /** Set: webhooks are forwarded to this machine, and one of them must arrive. */
      readonly webhookSecret: string | undefined;
      /** Whether a browser of ours or a person acts on the hosted pages. */
      readonly page: 'browser' | 'person';
    }
  | { readonly kind: 'refused'; readonly message: string };

const PAGES = ['browser', 'person'] as const;

/**
 * `REAL_STRIPE=1` with a key means a real test account. A half-set environment is refused with what
 * to set, never taken for the simulator: whoever asked for the real one would read a green run.
 */
export function chosenAccount(environment: Readonly<Record<string, string | undefined>>): Account {
  const asked = environment.REAL_STRIPE ?? '';
  if (asked === '' || asked === '0') return { kind: 'simulated' };
  if (asked !== '1') return refused('REAL_STRIPE must be 1, or not be set.');
  const secretKey = (environment.STRIPE_SECRET_KEY ?? '').trim();
  if (secretKey === '') {
    return refused(
      'REAL_STRIPE=1 needs STRIPE_SECRET_KEY: the secret key of a Stripe test account, sk_test_…',
    );
  }
  if (/^(sk|rk)_live_/.test(secretKey)) {
    return refused(
      'STRIPE_SECRET_KEY is a live key. These scenarios pay, refund and dispute: ' +
        'set STRIPE_SECRET_KEY to a test key, sk_test_…',
    );
  }
  if (!/^sk_test_\w+$/.test(secretKey)) {
    return refused('STRIPE_SECRET_KEY must be the secret key of a Stripe test account, sk_test_…');
  }
  const webhookSecret = (environment.STRIPE_WEBHOOK_SECRET ?? '').trim();
  if (webhookSecret !== '' && !/^whsec_[^\s,]+$/.test(webhookSecret)) {
    return refused('STRIPE_WEBHOOK_SECRET must be one signing secret, whsec_…, or not be set.');
  }
  const page = PAGES.find((each) => each === (environment.REAL_STRIPE_PAGE || 'browser'));
  if (page === undefined) {
    return refused('REAL_STRIPE_PAGE must be "browser" or "person", or not be set.');
  }
  const secret = webhookSecret === '' ? undefined : webhookSecret;
  return { kind: 'real', secretKey, webhookSecret: secret, page };
}

const refused = (message: string): Account => ({ kind: 'refused', message });
