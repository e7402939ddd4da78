import { describe, expect, it } from 'vitest';
import { chosenAccount } from './account.ts';

const REAL = { REAL_STRIPE: '1' };
const KEY = { STRIPE_SECRET_KEY: 'sk_test_made_up' };
const why = (environment: Record<string, string>) => {
  const account = chosenAccount({ ...REAL, ...environment });
  return account.kind === 'refused' ? account.message : account.kind;
};

describe('which account the payment scenarios run at', () => {
  it('is the simulator unless the real one is asked for, whatever keys are about', () => {
    expect(chosenAccount({}).kind).toBe('simulated');
    expect(chosenAccount({ ...KEY, REAL_STRIPE: '0' }).kind).toBe('simulated');
    expect(chosenAccount({ ...KEY, REAL_STRIPE: '' }).kind).toBe('simulated');
  });

  it('is a real test account with the two variables set', () => {
    expect(chosenAccount({ ...REAL, ...KEY })).toEqual({
      ...{ kind: 'real', secretKey: 'sk_test_made_up', webhookSecret: undefined },
      page: 'browser',
    });
  });

  it('without a key fails and says which variable to set', () => {
    expect(why({})).toContain('STRIPE_SECRET_KEY');
    expect(why({ STRIPE_SECRET_KEY: ' ' })).toContain('sk_test_…');
  });

  it.each(['sk_live_made_up', 'rk_live_made_up'])('refuses %s, and does not repeat it', (key) => {
    expect(why({ STRIPE_SECRET_KEY: key })).toMatch(/^STRIPE_SECRET_KEY is a live key/);
    expect(why({ STRIPE_SECRET_KEY: key })).not.toContain('made_up');
  });

  it('refuses what is no key, no signing secret, no answer', () => {
    expect(why({ STRIPE_SECRET_KEY: 'pk_test_made_up' })).toContain('STRIPE_SECRET_KEY');
    expect(why({ ...KEY, STRIPE_WEBHOOK_SECRET: 'secret' })).toContain('STRIPE_WEBHOOK_SECRET');
    expect(why({ ...KEY, REAL_STRIPE: 'yes' })).toContain('REAL_STRIPE');
    expect(why({ ...KEY, REAL_STRIPE_PAGE: 'robot' })).toContain('REAL_STRIPE_PAGE');
  });
});
