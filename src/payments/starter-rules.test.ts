import { describe, expect, it } from 'vitest';
import { parseUsd, ZERO } from '#kernel/money';
import { DEFAULT_SELLING } from '#payments/selling';
import {
  cardRefusal,
  mailboxOf,
  offerWords,
  STARTER_REFUSALS,
  starterDigest,
} from '#payments/starter-rules';

describe('one mailbox is one person (T34)', () => {
  it.each([
    ['Ada@Example.com', 'ada@example.com'],
    [' ada@example.com ', 'ada@example.com'],
    ['ada+second@example.com', 'ada@example.com'],
    ['ada+a+b@example.com', 'ada@example.com'],
    ['ada@example.com.', 'ada@example.com'],
    ['ａｄａ@example.com', 'ada@example.com'],
    ['a.d.a+x@gmail.com', 'ada@gmail.com'],
    ['ada@googlemail.com', 'ada@gmail.com'],
  ])('%s is %s', (spelling, mailbox) => {
    expect(mailboxOf(spelling)).toBe(mailbox);
  });

  it.each([
    // Only Gmail is known to ignore dots; anywhere else they may be another person.
    ['a.da@example.com', 'a.da@example.com'],
    ['ada-x@example.com', 'ada-x@example.com'],
    ['+ada@example.com', '+ada@example.com'],
    ['+bob@example.com', '+bob@example.com'],
    ['"a@b"@example.com', '"a@b"@example.com'],
    ['no-host', 'no-host'],
  ])('and %s stays a person of its own', (address, mailbox) => {
    expect(mailboxOf(address)).toBe(mailbox);
  });
});

describe('what is remembered', () => {
  const secret = Buffer.from('a secret that is only for tests.');

  it('is told apart by what it is, and by where it was used, and not found without the secret', () => {
    const all = [
      starterDigest({ secret }, 'live-1', 'email', 'x'),
      starterDigest({ secret }, 'live-1', 'card', 'x'),
      starterDigest({ secret }, 'test-1', 'card', 'x'),
      starterDigest({ secret: Buffer.from('another') }, 'live-1', 'card', 'x'),
    ].map((digest) => digest.toString('hex'));
    expect(new Set(all).size).toBe(4);
    expect(all.every((digest) => digest.length === 64)).toBe(true);
    const again = starterDigest({ secret }, 'live-1', 'email', 'x');
    expect(again.toString('hex')).toBe(all[0]);
  });
});

describe('a card', () => {
  type Facts = Parameters<typeof cardRefusal>[0];
  const card: Facts = { fingerprint: 'fp', funding: 'credit', expiry: 'good', country: 'US' };
  const refusal = (changes: Partial<Facts>, prepaid = false) =>
    cardRefusal({ ...card, ...changes }, { prepaidCounts: prepaid }, DEFAULT_SELLING);

  it.each([
    [{}, undefined],
    [{ funding: 'debit' }, undefined],
    [{ funding: 'unknown' }, undefined],
    [{ country: null }, undefined],
    // To be charged in person only, but a card of a customer all the same.
    [{ country: 'IN' }, undefined],
    [{ expiry: 'ends_soon' }, undefined],
    [{ funding: 'prepaid' }, 'card_prepaid'],
    [{ expiry: 'expired' }, 'card_expired'],
    [{ fingerprint: null }, 'card_unknown'],
    [{ country: 'RU' }, 'card_country'],
  ] as const)('%j: %s', (changes, why) => {
    expect(refusal(changes)).toBe(why);
  });

  it('that is prepaid counts where the operator says so', () => {
    expect(refusal({ funding: 'prepaid' }, true)).toBeUndefined();
  });
});

describe('the words', () => {
  it('no two refusals share a title, and each says what to do next', () => {
    const rows = Object.values(STARTER_REFUSALS);
    expect(new Set(rows.map(({ title }) => title)).size).toBe(rows.length);
    for (const { title, text, nextStep } of rows) {
      expect(title).not.toMatch(/[._]$/);
      expect(text).toMatch(/\.$/);
      expect(nextStep).toMatch(/\.$/);
    }
  });

  it('an offer names amount, lifetime and what is needed', () => {
    const terms = { amount: parseUsd('5') ?? ZERO, days: 30, prepaidCounts: false };
    expect(offerWords(terms, false)).toEqual({
      title: '$5 of starter credit',
      text:
        'Save a card, and $5 of promotional credit is added, good for 30 days. Saving it charges ' +
        'nothing. It is given once to each person and for each card. Prepaid cards do not count.',
      nextStep: 'Save a card',
    });
    const any = offerWords({ ...terms, days: 1, prepaidCounts: true }, true);
    expect(any.text).toBe(
      'Your organization can have $5 of promotional credit, good for one day. ' +
        'It is given once to each person and for each card.',
    );
  });
});
