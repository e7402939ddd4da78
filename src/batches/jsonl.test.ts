import { describe, expect, test } from 'vitest';
import { jsonLines } from './jsonl.ts';

describe('lines of a stream', () => {
  test('are the same however it is cut', () => {
    const bytes = Buffer.from('{"a":1}\n\n{"b":"\u00e9"}\n{"c":3}');
    for (let size = 1; size <= bytes.length; size++) {
      const lines = jsonLines();
      const found: string[] = [];
      for (let from = 0; from < bytes.length; from += size) {
        const part = bytes.subarray(from, from + size);
        found.push(...lines.take(part).map((line) => line.toString()));
      }
      expect(found).toEqual(['{"a":1}', '', '{"b":"\u00e9"}']);
      expect(lines.rest()?.toString()).toBe('{"c":3}');
      expect(lines.rest()).toBeUndefined();
    }
  });

  test('one that is too long ends the reading, and is not kept', () => {
    const lines = jsonLines(10);
    expect(lines.take(Buffer.from('short\n')).map(String)).toEqual(['short']);
    expect(lines.take(Buffer.from('far too long for it'))).toEqual([]);
    expect(lines.take(Buffer.from('\nnext\n'))).toEqual([]);
    expect(lines.overlong).toBe(true);
    expect(lines.rest()).toBeUndefined();
  });
});
