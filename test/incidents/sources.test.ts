import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { root } from '#test/product';

const read = (path: string): string => readFileSync(join(root, path), 'utf8');

const sources = (): { path: string; text: string }[] =>
  readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts') && !path.endsWith('.test.ts'))
    .map((path) => ({ path, text: read(join('src', path)) }));

test('S02: the library that checks signatures is one that refuses empty secrets', () => {
  const { version } = z
    .object({ version: z.string() })
    .parse(JSON.parse(read('node_modules/stripe/package.json')));
  const asked = z
    .object({ dependencies: z.object({ stripe: z.string() }) })
    .parse(JSON.parse(read('package.json'))).dependencies.stripe;
  for (const each of [version, asked]) {
    const [major = 0, minor = 0, patch = 0] = each
      .split('.')
      .map((part) => Number.parseInt(part, 10));
    expect(each).toMatch(/^\d+\.\d+\.\d+$/);
    expect(major * 1e6 + minor * 1e3 + patch).toBeGreaterThanOrEqual(23_000_001);
  }
});

test('S03: no source and no setting lets an unsigned event in', () => {
  const found = sources();
  expect(found.length).toBeGreaterThan(200);
  const verifying = found.filter(({ text }) => text.includes('webhooks.constructEvent('));
  expect(verifying.map(({ path }) => path)).toEqual(['payments/stripe.ts']);
  for (const { path, text } of found) {
    expect(text, path).not.toMatch(/constructEventWithoutVerification|generateTestHeaderString/);
    expect(text, path).not.toMatch(/(ALLOW|ACCEPT|SKIP|DISABLE|NO)_\w*(UNSIGNED|SIGNATURE|VERIF)/);
  }
  // Tolerance 0 switches the age check off; ours is the library's own.
  const at = verifying[0]?.text.indexOf('webhooks.constructEvent(') ?? -1;
  expect(verifying[0]?.text.slice(at, at + 80)).toContain(
    'constructEvent(body, signature, secret)',
  );
});

test('S12: nothing reads a field that the pinned version of the API does not have', () => {
  const gone = /\b(?:invoice\.payment_intent|invoice\.charge|charge\.invoice|intent\.invoice)\b/;
  for (const { path, text } of sources()) expect(text, path).not.toMatch(gone);
});

test('every incident has a test of its name that meets the product from outside', () => {
  const here = readdirSync(join(root, 'test/incidents'))
    .filter((name) => name.endsWith('.test.ts'))
    .map((name) => `test/incidents/${name}`);
  const titles = [...here, 'test/e2e/failures.test.ts', 'test/e2e/money-back.test.ts'].flatMap(
    (path) => [...read(path).matchAll(/\b(?:test|it)\(\s*'([^']+)'/g)].map(([, title]) => title),
  );
  const incidents = Array.from({ length: 39 }, (_, at) => `S${String(at + 1).padStart(2, '0')}`);
  const named = (incident: string) => titles.some((title) => title?.includes(incident));
  expect(incidents.filter((incident) => !named(incident))).toEqual([]);
});
