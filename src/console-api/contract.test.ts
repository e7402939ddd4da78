import { describe, expect, test } from 'vitest';
import { abilitiesOf, ROLES as OUR_ROLES } from '#orgs/roles';
import { PURCHASE_STATES as OUR_STATES } from '#payments/purchase';
import {
  ABILITIES,
  createKeyRequest,
  historyQuery,
  PURCHASE_STATES,
  ROLES,
  signInRequest,
} from './contract.ts';

test('pages and server know the same roles, abilities and purchase states', () => {
  expect(ROLES).toEqual(OUR_ROLES);
  expect([...ABILITIES].sort()).toEqual([...abilitiesOf('admin')].sort());
  expect(PURCHASE_STATES).toEqual(OUR_STATES);
});

describe('what people type', () => {
  test('an e-mail address is trimmed and must look like one', () => {
    expect(signInRequest.parse({ email: ' ada@example.com ' })).toEqual({
      email: 'ada@example.com',
    });
    const odd = [
      '',
      'ada',
      '@',
      'a@',
      '@b',
      'a b@c',
      'a@b@c',
      'a\u0000@b',
      'a@b\r\nBcc: c',
      '<a@b>',
    ];
    for (const email of odd) expect(signInRequest.safeParse({ email }).success).toBe(false);
  });

  test('a name is kept as typed, without characters that make names lie', () => {
    for (const name of ['prod', 'Zoë & søn 株式会社', "'; --", '<b>']) {
      expect(createKeyRequest.parse({ name })).toEqual({ name });
    }
    for (const name of ['', '   ', 'a\nb', 'a\u0000', '\u202egnp.exe', 'x'.repeat(101)]) {
      expect(createKeyRequest.safeParse({ name }).success).toBe(false);
    }
  });

  test('a cursor is one the statement made', () => {
    expect(historyQuery.safeParse({ before: '12.3' }).success).toBe(true);
    for (const before of ['12', '1.2.3', '-1.1', '1e9.1', '', `${'9'.repeat(19)}.1`]) {
      expect(historyQuery.safeParse({ before }).success).toBe(false);
    }
  });
});
