import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { type AnswerFacts, isChargeRule, RULES, ruleFor } from './rules.ts';

const facts = (changes: Partial<AnswerFacts>): AnswerFacts => ({
  form: 'stream',
  isMessage: true,
  errorSeen: false,
  stopReason: 'end_turn',
  finished: true,
  delivered: true,
  usageBelievable: true,
  warmsCache: false,
  ...changes,
});
const json = { form: 'json' } as const;
const item = { form: 'batch item' } as const;
const refusal = { stopReason: 'refusal' };

describe('the rule for an answer', () => {
  test.each<[string, Partial<AnswerFacts>, string]>([
    ['a JSON answer', json, 'S1'],
    ['a JSON answer that does not say why it stopped', { ...json, stopReason: null }, 'S1'],
    ['a stream', {}, 'S2'],
    ['an item of a batch', item, 'S18'],
    ['a refusal before output', { ...refusal, delivered: false }, 'S3'],
    [
      'also with nothing believable',
      { ...refusal, delivered: false, usageBelievable: false },
      'S3',
    ],
    ['also of an item', { ...item, ...refusal, delivered: false }, 'S3'],
    ['a refusal after output', refusal, 'S4'],
    ['also if it was cut', { ...refusal, finished: false }, 'S4'],
    ['also of an item', { ...item, ...refusal }, 'S4'],
    ['a refusal that cannot be believed', { ...refusal, usageBelievable: false }, 'S12'],
    ['an error event', { errorSeen: true }, 'S7'],
    [
      'an error event before anything',
      { errorSeen: true, stopReason: null, finished: false },
      'S7',
    ],
    ['a stream that broke off', { stopReason: null, finished: false }, 'S8'],
    ['JSON that is no message', { ...json, isMessage: false }, 'S8'],
    ['a stream cut after it had stopped', { finished: false }, 'S9'],
    ['also of a pre-warm', { finished: false, warmsCache: true }, 'S9'],
    ['a final event without a stop_reason', { stopReason: null }, 'S12'],
    ['a stop_reason that is no text', { stopReason: 7 }, 'S12'],
    ['usage that cannot be believed', { usageBelievable: false }, 'S12'],
    ['also if it was cut', { usageBelievable: false, finished: false }, 'S12'],
    ['an item that is no message', { ...item, isMessage: false }, 'S12'],
    ['a pre-warm', { warmsCache: true }, 'S14'],
    ['a pre-warm as JSON', { ...json, warmsCache: true }, 'S14'],
  ])('%s: %j is %s', (_name, changes, rule) => {
    expect(ruleFor(facts(changes))).toBe(rule);
  });

  test('charges by usage only what can be believed, stopped, and did not fail', () => {
    const both = [true, false];
    for (const form of ['json', 'stream', 'batch item'] as const)
      for (const stopReason of ['end_turn', 'refusal', null])
        for (const isMessage of both)
          for (const errorSeen of both)
            for (const finished of both)
              for (const delivered of both)
                for (const usageBelievable of both) {
                  const answer = { form, stopReason, isMessage, errorSeen, finished, delivered };
                  const rule = ruleFor(facts({ ...answer, usageBelievable }));
                  if (RULES[rule].charges === 'nothing') continue;
                  expect(usageBelievable && isMessage && !errorSeen, rule).toBe(true);
                  expect(form !== 'stream' || stopReason !== null, rule).toBe(true);
                  expect(stopReason !== 'refusal' || delivered, rule).toBe(true);
                }
  });
});

test('only the rules of the table are rules', () => {
  expect(['S1', 'S18', 'S5', 'S99', 'toString', 7, null].filter(isChargeRule)).toEqual([
    'S1',
    'S18',
  ]);
});

test('customers are told every rule that a receipt can name', () => {
  const path = new URL('../../docs/what-is-charged.md', import.meta.url);
  const told = [...readFileSync(path, 'utf8').matchAll(/^\| (S\d+) \|/gm)].map(([, code]) => code);
  expect(told).toEqual(expect.arrayContaining(Object.keys(RULES)));
  const numbers = told.map((code) => Number(code?.slice(1)));
  expect(numbers).toEqual(numbers.toSorted((a, b) => a - b));
});
