import type { IncomingHttpHeaders } from 'node:http';
import { describe, expect, test } from 'vitest';
import { newId } from '#kernel/ids';
import { systemEntropy } from '#src/system';
import {
  askedOf,
  decideKey,
  decideRetry,
  type Earlier,
  idempotencyKeyOf,
  type KeyInUse,
  RETRY_WITHIN_MS,
  retryCountOf,
  sameAsked,
} from './repeats.ts';

const a = newId('request', systemEntropy);
const b = newId('request', systemEntropy);
const earlier = (state: Earlier['state'], requestId = a, ageMs = 1_000): Earlier => ({
  requestId,
  ageMs,
  state,
});
const adopted = { action: 'adopt', requestId: a };
const executed = (retryOf: string | null) => ({ action: 'execute', retryOf });

describe('rule R: what a retry gets', () => {
  test.each<[string, number, Earlier[], object]>([
    ['nothing is known', 1, [], executed(null)],
    ['one lost its client', 1, [earlier('deserted')], adopted],
    ['it is the ninth try', 9, [earlier('deserted')], adopted],
    ['it is no retry', 0, [earlier('deserted')], executed(null)],
    ['its client is still there', 1, [earlier('attended')], executed(a)],
    ['its twin is still attended', 1, [earlier('attended', b), earlier('deserted')], adopted],
    ['two lost theirs', 1, [earlier('deserted', b, 9), earlier('deserted')], executed(b)],
    ['one of two is not kept', 1, [earlier('forgotten', b, 9), earlier('deserted')], executed(b)],
    ['what was sent is not kept', 1, [earlier('forgotten')], executed(a)],
    ['it has ended', 1, [earlier('ended')], executed(a)],
    ['one ended, one lost its client', 1, [earlier('ended', b, 9), earlier('deserted')], adopted],
    ['a younger one is attended', 1, [earlier('attended', b, 9), earlier('ended')], executed(a)],
    ['it is 15 minutes old', 1, [earlier('deserted', a, RETRY_WITHIN_MS)], adopted],
    ['it is older', 1, [earlier('deserted', a, RETRY_WITHIN_MS + 1)], executed(null)],
    ['it ended long ago', 1, [earlier('ended', a, RETRY_WITHIN_MS + 1)], executed(null)],
  ])('%s', (_name, count, known, decision) => {
    expect(decideRetry(count, known)).toEqual(decision);
  });

  test.each<[string | string[] | undefined, number]>([
    [undefined, 0],
    ['0', 0],
    ['1', 1],
    ['12', 12],
    ['-1', 0],
    ['1.5', 0],
    ['1e3', 0],
    [' 1', 0],
    ['true', 0],
    ['', 0],
    ['99999999999999999999', 0],
    [['1', '2'], 0],
  ])('a count of %j is %i', (value, count) => {
    expect(retryCountOf({ 'x-stainless-retry-count': value })).toBe(count);
  });
});

describe('what a request with an Idempotency-Key in use here gets', () => {
  test.each<[KeyInUse | undefined, object]>([
    [undefined, { action: 'claim' }],
    [{ sameAsked: true, state: 'entering' }, { action: 'wait' }],
    [{ sameAsked: true, state: 'joinable' }, { action: 'join' }],
    [
      { sameAsked: true, state: 'forgotten' },
      { action: 'refuse', code: 'idempotency_in_flight' },
    ],
    ...(['entering', 'joinable', 'forgotten'] as const).map((state): [KeyInUse, object] => [
      { sameAsked: false, state },
      { action: 'refuse', code: 'idempotency_mismatch' },
    ]),
  ])('%j', (inUse, decision) => {
    expect(decideKey(inUse)).toEqual(decision);
  });

  test.each<[string | undefined, string | undefined | null]>([
    [undefined, undefined],
    ['a', 'a'],
    ['x'.repeat(255), 'x'.repeat(255)],
    ['stainless-node-retry-1 ~!', 'stainless-node-retry-1 ~!'],
    ['', null],
    ['x'.repeat(256), null],
    ['tab\there', null],
    ['ümlaut', null],
  ])('a key of %j is read as %j', (sent, key) => {
    expect(idempotencyKeyOf({ 'idempotency-key': sent })).toBe(key);
  });
});

describe('two requests ask the same', () => {
  const one = {
    target: '/v1/messages',
    headers: { 'anthropic-version': '2023-06-01', 'x-stainless-retry-count': '0', host: 'a' },
    body: Buffer.from('{"model":"m"}'),
  };
  type Words = { target: string; headers: IncomingHttpHeaders; body: Buffer };
  const asked = ({ target, headers, body }: Words) => askedOf(target, headers, body);
  const same = (changes: Partial<Words>): boolean =>
    sameAsked(asked(one), asked({ ...one, ...changes }));

  test('if body, path and headers of the API are the same, whatever else differs', () => {
    expect(same({ body: Buffer.from(one.body) })).toBe(true);
    expect(same({ headers: { host: 'b', 'anthropic-version': '2023-06-01' } })).toBe(true);
  });

  test.each<[string, Partial<Words>]>([
    ['a byte of the body', { body: Buffer.from('{"model":"n"}') }],
    ['white space', { body: Buffer.from('{"model": "m"}') }],
    ['the path', { target: '/v1/messages/batches' }],
    ['the query', { target: '/v1/messages?beta=true' }],
    ['the version', { headers: { 'anthropic-version': '2026-10-21' } }],
    ['a beta feature', { headers: { ...one.headers, 'anthropic-beta': 'x' } }],
    ['the user profile', { headers: { ...one.headers, 'anthropic-user-profile-id': 'x' } }],
  ])('but not if %s differs', (_name, changes) => {
    expect(same(changes)).toBe(false);
  });
});
