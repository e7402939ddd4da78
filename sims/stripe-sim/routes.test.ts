import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { expect, it } from 'vitest';
import { ROUTES } from './routes.ts';

/** Every address the installed SDK can call, with its parameters as `:id`. */
function addressesOfTheSdk(): Set<string> {
  const entry = createRequire(import.meta.url).resolve('stripe');
  const folder = join(dirname(entry), 'resources');
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  const found = new Set<string>();
  for (const file of files.filter((name) => name.endsWith('.js'))) {
    const text = readFileSync(join(folder, file), 'utf8');
    for (const [, method, path = ''] of text.matchAll(
      /'(GET|POST|DELETE)',\s*[`'](\/v1\/[^`']+)/g,
    )) {
      found.add(`${method} ${path.replaceAll(/\$\{[^}]+\}|\{[^}]+\}/g, ':id')}`);
    }
  }
  return found;
}

it('every address the simulator answers is one the SDK calls', () => {
  const known = addressesOfTheSdk();
  expect(known.size).toBeGreaterThan(300);
  const ours = ROUTES.map(({ method, path }) => `${method} ${path.replace(':child', ':id')}`);
  expect(ours.filter((address) => !known.has(address))).toEqual([]);
});

it('no address is answered twice', () => {
  const ours = ROUTES.map(({ method, path }) => `${method} ${path}`);
  expect(ours.filter((address, at) => ours.indexOf(address) !== at)).toEqual([]);
});
