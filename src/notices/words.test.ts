import { expect, test } from 'vitest';
import { nanos } from '#kernel/money';
import { SAMPLES } from '#test/notice-samples';
import type { Facts } from './facts.ts';
import { dayText, moneyText, timeText } from './facts.ts';
import { isNoticeKind, KINDS, kindOf, PLACES } from './kinds.ts';
import { linkOf, partsOf, wrapped } from './mail-parts.ts';
import { CHOSEN_TOPICS } from './topics.ts';
import { SUBJECT_MAX, wordsOf } from './words.ts';

const SETTING = { brand: 'Bursar', organization: 'Acme' };
const footer = { why: 'Sent to you.', links: [] };
const kinds = Object.keys(KINDS).filter(isNoticeKind);

const whole = (facts: Facts, kind: (typeof kinds)[number]) => {
  const words = wordsOf(kind, facts, SETTING);
  const link = linkOf(kindOf(kind), 'https://console.example.com');
  const told = { words, severity: kindOf(kind).severity, link };
  return { words, link, ...partsOf(null, [told], footer) };
};

test('every kind has a subject of its own, words, both parts and a place to go', () => {
  const subjects = new Map<string, string>();
  for (const kind of kinds) {
    const { words, link, text, html } = whole(SAMPLES[kind], kind);
    expect(words.subject.length, kind).toBeLessThanOrEqual(SUBJECT_MAX);
    expect(subjects.get(words.subject), `${kind} says: ${words.subject}`).toBeUndefined();
    subjects.set(words.subject, kind);
    expect(words.body.length, kind).toBeGreaterThan(0);
    for (const part of [text, html]) {
      expect(part, kind).not.toMatch(/undefined|NaN|\[object|Invalid|null/);
      expect(part).toContain(link.url);
      for (const [label, value] of words.rows) {
        if (value !== undefined) expect(part, label).toContain(value.replaceAll("'", '&#39;'));
      }
    }
    for (const line of text.split('\n')) {
      if (!line.includes('://')) expect(line.length, line).toBeLessThanOrEqual(78);
    }
    expect(html).not.toMatch(/<img|<script|<link|url\(|https?:\/\/(?!console\.example\.com)/);
  }
});

test('a fact that is missing is not said, and the mail still makes sense', () => {
  for (const kind of kinds) {
    const { words, text, html } = whole({}, kind);
    expect(words.subject.length, kind).toBeLessThanOrEqual(SUBJECT_MAX);
    expect(`${words.subject}${text}${html}`, kind).not.toMatch(/undefined|NaN|Invalid Date/);
  }
});

test('each kind is of a topic people can choose, or the operators’ own', () => {
  for (const kind of kinds) {
    const { topic, event, place } = kindOf(kind);
    if (event !== null) expect(CHOSEN_TOPICS, kind).toContain(topic);
    expect(PLACES[place].path).toMatch(/^\//);
  }
});

test('names are people’s: they cannot write markup or another line', () => {
  const nasty = '<b>Free</b>\n\nPay here: "x"\u202e';
  const { text, html } = whole({ ...SAMPLES.key_expiring, name: nasty }, 'key_expiring');
  expect(html).not.toContain('<b>Free');
  expect(html).toContain('&lt;b&gt;Free&lt;/b&gt; Pay here: &quot;x&quot;');
  expect(text).not.toMatch(/^Pay here/m);
});

test('the organization is named where there is room, and a long subject ends in a mark', () => {
  const subject = (organization: string, name: string) =>
    wordsOf('key_expiring', { name, days: 7 }, { brand: 'Bursar', organization }).subject;
  expect(subject('Acme', 'ci')).toBe('API key “ci” expires within 7 days (Acme)');
  expect(subject('A'.repeat(60), 'ci')).toBe('API key “ci” expires within 7 days');
});

test('amounts are exact and times in UTC', () => {
  expect(moneyText(nanos(12_500_000_000n))).toBe('$12.50');
  expect(moneyText(nanos(-1n))).toBe('-$0.000000001');
  expect(moneyText(nanos(3_000_000_000n))).toBe('$3.00');
  expect(timeText(new Date('2026-11-01T09:05:59Z'))).toBe('1 Nov 2026, 09:05 UTC');
  expect(dayText(new Date('2026-12-31T23:59:59Z'))).toBe('31 Dec 2026');
});

test('text is broken at blanks, and links never', () => {
  const link = `https://console.example.com/${'x'.repeat(90)}`;
  expect(
    wrapped(`${'word '.repeat(30)}${link}`)
      .split('\n')
      .at(-1),
  ).toBe(link);
});
