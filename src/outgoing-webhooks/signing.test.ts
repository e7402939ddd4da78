import { expect, test } from 'vitest';
import { systemEntropy } from '#src/system';
import { accepts, type Received } from '#test/webhook-receiver';
import { newSecretKey, openSecret, sealSecret, secretText } from './secret.ts';
import { signed } from './signature.ts';

const AT = new Date('2027-01-15T12:00:00.500Z');
const deps = { pepper: Buffer.from('a pepper that is only for tests.'), entropy: systemEntropy };

const sent = (headers: Record<string, string>, body: string): Received => ({
  ...{ path: '/', method: 'POST', headers, body },
});

test('the example of the Standard Webhooks specification is signed as its libraries do', () => {
  // Published with the reference libraries: secret, id, time, body and signature.
  const key = Buffer.from('MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', 'base64');
  const headers = signed([key], {
    id: 'msg_p5jXN8AQM9LWM0D4loKWxJek',
    at: new Date(1_614_265_330_000),
    body: '{"test": 2432232314}',
  });
  expect(headers).toEqual({
    'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek',
    'webhook-timestamp': '1614265330',
    'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
  });
});

test('T27: a receiver that knows any secret in force accepts it, another does not', () => {
  const [key, old, other] = [1, 2, 3].map(() => newSecretKey(systemEntropy));
  if (key === undefined || old === undefined || other === undefined) throw new Error('no keys');
  const body = '{"type":"credits.low","note":"ä, 株"}';
  const one = sent({ ...signed([key, old], { id: 'evt_1', at: AT, body }) }, body);
  expect(accepts(secretText(key), one, AT)).toBe(true);
  expect(accepts(secretText(old), one, AT)).toBe(true);
  expect(accepts(secretText(other), one, AT)).toBe(false);
});

test('T27: changed, under another id, or later, it is refused', () => {
  const key = newSecretKey(systemEntropy);
  const secret = secretText(key);
  const headers = signed([key], { id: 'evt_1', at: AT, body: '{}' });
  expect(accepts(secret, sent({ ...headers }, '{}'), AT)).toBe(true);
  expect(accepts(secret, sent({ ...headers }, '{ }'), AT)).toBe(false);
  expect(accepts(secret, sent({ ...headers, 'webhook-id': 'evt_2' }, '{}'), AT)).toBe(false);
  const later = new Date(AT.getTime() + 301_000);
  expect(accepts(secret, sent({ ...headers }, '{}'), later)).toBe(false);
  const moved = { ...headers, 'webhook-timestamp': String(later.getTime() / 1_000) };
  expect(accepts(secret, sent(moved, '{}'), later)).toBe(false);
});

test('a secret has 256 bits, and is shown as others show theirs', () => {
  const text = secretText(newSecretKey(systemEntropy));
  expect(text).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
  expect(Buffer.from(text.slice(6), 'base64')).toHaveLength(32);
});

test('T7: what is stored opens with the pepper, for the endpoint it was sealed for, unchanged', () => {
  const key = newSecretKey(systemEntropy);
  const owner = { organizationId: 'org_1', endpointId: 'whend_1' };
  const sealed = sealSecret(key, owner, deps);
  expect(openSecret(sealed, owner, deps.pepper)).toEqual(key);
  expect(sealed.includes(key)).toBe(false);
  expect(sealSecret(key, owner, deps).equals(sealed)).toBe(false);
  const otherPepper = Buffer.from('another pepper, as long as that.');
  expect(openSecret(sealed, owner, otherPepper)).toBeUndefined();
  for (const other of [
    { ...owner, organizationId: 'org_2' },
    { ...owner, endpointId: 'whend_2' },
  ]) {
    expect(openSecret(sealed, other, deps.pepper)).toBeUndefined();
  }
  for (let at = 0; at < sealed.length; at++) {
    const bent = Buffer.from(sealed);
    bent[at] = (bent[at] ?? 0) ^ 1;
    expect(openSecret(bent, owner, deps.pepper)).toBeUndefined();
  }
  expect(openSecret(sealed.subarray(0, 20), owner, deps.pepper)).toBeUndefined();
});
