import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Product, root, startProduct } from '#test/product';
import { firstMissing, readTour, walk, withPortsOf } from './tour.ts';

const readme = readFileSync(join(root, 'README.md'), 'utf8');

let product: Product;

beforeAll(async () => {
  product = await startProduct();
});

afterAll(() => product?.stop());

describe('the README', () => {
  test('every command of its tour works as it is printed, in one shell', async () => {
    const stops = readTour(readme);
    expect(stops.length).toBeGreaterThanOrEqual(3);
    const visited = await walk(product, stops);
    const failed = stops[visited.outputs.length];
    expect(
      failed === undefined ? undefined : `README.md:${failed.line}: ${visited.stderr}`,
    ).toBeUndefined();
    expect(visited.exitCode).toBe(0);
    const missing = stops.map(({ line, expected }, at) => {
      if (expected === null) return undefined;
      const wanted = firstMissing(withPortsOf(product, expected), visited.outputs[at] ?? '');
      return wanted === undefined ? undefined : `README.md:${line}: not printed: ${wanted}`;
    });
    expect(missing.filter((line) => line !== undefined)).toEqual([]);
  });
});

describe('the reader of tours', () => {
  const document = [
    '```sh tour',
    'echo "id=7 ok"; A=1',
    '```',
    'Prose between.',
    '```text',
    'id=… ok',
    '```',
    '```sh',
    'exit 9',
    '```',
    '```sh tour',
    'test "$A" = 1; false; echo never',
    '```',
  ].join('\n');

  test('takes only blocks marked as tour, each with the text that follows it', () => {
    expect(readTour(document)).toEqual([
      { line: 1, script: 'echo "id=7 ok"; A=1', expected: 'id=… ok' },
      { line: 11, script: 'test "$A" = 1; false; echo never', expected: null },
    ]);
  });

  test('stops at the block that fails, and says so with its exit code', async () => {
    const visited = await walk(product, readTour(document));
    expect(visited.exitCode).toBe(1);
    expect(visited.outputs).toEqual(['id=7 ok\n']);
  });

  test('finds a line that was promised and not printed', () => {
    expect(firstMissing('a … c\n…\nd', 'a b c\nx\nd')).toBeUndefined();
    expect(firstMissing('a … c\ne', 'a b c\nd')).toBe('e');
    expect(firstMissing('b\na', 'a\nb')).toBe('a');
    expect(firstMissing('1.5', '1x5')).toBe('1.5');
  });
});
