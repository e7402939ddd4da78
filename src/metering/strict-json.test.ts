import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseStrict } from './strict-json.ts';

const parse = (text: string) => parseStrict(Buffer.from(text));

describe('F49h: one body has one meaning', () => {
  test.each([
    ['a key twice', '{"max_tokens":1,"max_tokens":64000}', /same key twice/],
    ['a key twice, once escaped', '{"max_tokens":1,"max\\u005ftokens":64000}', /same key twice/],
    ['a key twice deep inside', '{"a":[{"b":{"c":1,"c":1}}]}', /same key twice/],
    ['a numeric key twice', '{"1":1,"1":2}', /same key twice/],
    ['a prototype key', '{"__proto__":{"max_tokens":1}}', /__proto__/],
    ['an escaped prototype key', '{"\\u005f_proto__":1}', /__proto__/],
    ['65 levels', `${'['.repeat(65)}${']'.repeat(65)}`, /deeper/],
    ['a million brackets', '['.repeat(1_000_000), /deeper/],
    ['two values', '{} {}', /not valid JSON/],
    ['nothing', '', /not valid JSON/],
    ['an open string', '{"a":"b', /not valid JSON/],
  ])('%s is refused', (_name, text, message) => {
    expect(parse(text)).toEqual({ outcome: 'invalid', message: expect.stringMatching(message) });
  });

  test('broken UTF-8 is refused', () => {
    const bytes = Buffer.from([0x22, 0xc3, 0x28, 0x22]);
    expect(parseStrict(bytes)).toMatchObject({ outcome: 'invalid' });
  });

  test('a message never quotes the body', () => {
    const result = parse('{"secret prompt": nope');
    expect(JSON.stringify(result)).not.toContain('secret');
  });

  test('64 levels and colons, quotes and braces inside strings are fine', () => {
    expect(parse(`${'['.repeat(64)}${']'.repeat(64)}`).outcome).toBe('parsed');
    const text = '{"a:\\"{[":"\\\\","b":":::\\"","":"\\\\\\"}"}';
    expect(parse(text)).toEqual({ outcome: 'parsed', value: JSON.parse(text) });
  });

  test('quotes and backslashes end no string early, near its start or far from it', () => {
    const pieces = fc.constantFrom('"', '\\', ':', '{', 'x'.repeat(63), 'ü', 'x'.repeat(70));
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 12 }), (parts) => {
        const value = { [parts.join('')]: [parts.toReversed().join('')] };
        expect(parse(JSON.stringify(value))).toEqual({ outcome: 'parsed', value });
      }),
      { numRuns: 500 },
    );
  });

  test('any JSON value is read as the standard parser reads it', () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 8 }), (text) => {
        const result = parse(text);
        if (text.includes('__proto__')) return;
        expect(result).toEqual({ outcome: 'parsed', value: JSON.parse(text) });
      }),
    );
  });
});
