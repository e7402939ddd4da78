import { readFileSync } from 'node:fs';
import { inspect } from 'node:util';
import { expect, test } from 'vitest';
import { type Config, describeProblems, parseConfig } from '#src/config';

function valid(environment: Record<string, string>, files: Record<string, string> = {}): Config {
  const outcome = parseConfig(environment, readFrom(files));
  if (outcome.outcome === 'invalid') throw new Error(describeProblems(outcome.problems));
  return outcome.config;
}

function problems(environment: Record<string, string>, files: Record<string, string> = {}) {
  const outcome = parseConfig(environment, readFrom(files));
  return outcome.outcome === 'invalid' ? outcome.problems : [];
}

const readFrom = (files: Record<string, string>) => (path: string) => {
  const content = files[path];
  if (content === undefined) throw new Error('ENOENT');
  return content;
};

test('an empty environment starts everything here, with simulators', () => {
  const config = valid({ BURSAR_BRAND: '', DATABASE_URL: ' ' });
  expect(config).toMatchObject({
    role: 'all',
    host: '127.0.0.1',
    ports: { console: 4000, gateway: 4001, stripeSim: 4002, modelSim: 4003, ops: 4009 },
    drainSeconds: 30,
    database: undefined,
    upstream: undefined,
    brand: undefined,
    production: false,
  });
});

test('every problem is in one report, with variable, found and expected', () => {
  const found = problems({
    BURSAR_ROLE: 'boss',
    BURSAR_CONSOLE_PORT: '70000',
    BURSAR_GATEWAY_PORT: 'http',
    BURSAR_OPS_PORT: '4003',
    BURSAR_DRAIN_SECONDS: '-1',
    BURSAR_UNBOUNDED_TOOL_USES: 'all',
    BURSAR_UNUSUAL_SPEND_USD: '2.50',
    STRIPE_API_URL: 'localhost:4002',
    STRIPE_SECRET_KEY: 'pk_test_wrong',
    BURSAR_UPSTREAM_KEY: 'k',
    LOG_LEVEL: 'loud',
    BURSAR_HOST: '%%',
    NODE_ENV: 'prodd',
    BURSAR_PRICE_BOOK: '/nowhere',
  });
  expect(found.map(({ variable }) => variable).sort()).toEqual([
    'BURSAR_CONSOLE_PORT',
    'BURSAR_DRAIN_SECONDS',
    'BURSAR_GATEWAY_PORT',
    'BURSAR_HOST',
    'BURSAR_OPS_PORT',
    'BURSAR_PRICE_BOOK',
    'BURSAR_ROLE',
    'BURSAR_UNBOUNDED_TOOL_USES',
    'BURSAR_UNUSUAL_SPEND_USD',
    'BURSAR_UPSTREAM_URL',
    'LOG_LEVEL',
    'NODE_ENV',
    'STRIPE_API_URL',
    'STRIPE_SECRET_KEY',
  ]);
  const report = describeProblems(found);
  expect(report).toContain('The configuration has 14 problems:');
  expect(report).toContain(
    'BURSAR_ROLE: found "boss", expected one of all, gateway, console, worker',
  );
});

test('a wrong secret is reported without its text', () => {
  const report = describeProblems(
    problems({ STRIPE_SECRET_KEY: 'hunter2-hunter2', DATABASE_URL: 'mysql://u:hunter2@h/d' }),
  );
  expect(report).toContain('found a secret of 15 characters');
  expect(report).not.toContain('hunter2');
});

test('a secret may come from a file, but not from both', () => {
  const files = { '/run/key': 'sk_test_abc\n' };
  const config = valid({ STRIPE_SECRET_KEY_FILE: '/run/key' }, files);
  expect(config.stripe.secretKey?.reveal()).toBe('sk_test_abc');
  const both = { STRIPE_SECRET_KEY: 'sk_test_abc', STRIPE_SECRET_KEY_FILE: '/run/key' };
  expect(problems(both, files)).toMatchObject([{ variable: 'STRIPE_SECRET_KEY_FILE' }]);
  expect(problems({ SMTP_URL_FILE: '/run/none' })).toMatchObject([{ variable: 'SMTP_URL_FILE' }]);
});

test('a configuration cannot be printed with its secrets, nor changed', () => {
  const config = valid({ DATABASE_URL: 'postgres://u:hunter2@h/d', BURSAR_ROLE: 'gateway' });
  const json = JSON.stringify(config, (_name, value: unknown) =>
    typeof value === 'bigint' ? value.toString() : value,
  );
  expect(inspect(config, { depth: 9 }) + json).not.toContain('hunter2');
  expect(Object.isFrozen(config) && Object.isFrozen(config.ports)).toBe(true);
  expect(config.database?.ownerUrl.reveal()).toBe('postgres://u:hunter2@h/d');
});

test('production with a shared database needs the shared pepper', () => {
  const shared = { NODE_ENV: 'production', DATABASE_URL: 'postgres://h/d' };
  expect(problems(shared)).toMatchObject([{ variable: 'BURSAR_KEY_PEPPER', found: 'nothing' }]);
  expect(problems({ ...shared, BURSAR_KEY_PEPPER: 'p'.repeat(32) })).toEqual([]);
});

test('a role that joins needs to be told the database', () => {
  expect(problems({ BURSAR_ROLE: 'worker' })).toMatchObject([{ variable: 'DATABASE_URL' }]);
});

test('in production a Stripe key needs the secret that proves its webhooks', () => {
  const stripe = { STRIPE_SECRET_KEY: 'sk_live_abc' };
  expect(problems({ ...stripe, NODE_ENV: 'production' }).map((p) => p.variable)).toEqual([
    'STRIPE_WEBHOOK_SECRET',
  ]);
  expect(problems(stripe)).toEqual([]);
});

test('the tiers of a file are part of the one report: variable, found with its place, expected', () => {
  const files = { 'tiers.yaml': 'tiers:\n  gold: { count_tokens: x }\n' };
  const found = problems({ BURSAR_TIERS_FILE: 'tiers.yaml', BURSAR_ROLE: 'boss' }, files);
  expect(found).toContainEqual({
    variable: 'BURSAR_TIERS_FILE',
    found: '"x" (line 2, tiers.gold.count_tokens)',
    expected: expect.stringMatching(/^a whole number from 1 to \d+$/),
  });
  expect(found[0]?.variable).toBe('BURSAR_ROLE');
  const away = problems({ BURSAR_TIERS_FILE: 'away.yaml' });
  expect(away).toEqual([
    {
      variable: 'BURSAR_TIERS_FILE',
      found: '"away.yaml"',
      expected: 'a file that can be read',
    },
  ]);
});

test('the default tier is one there is', () => {
  expect(valid({}).tiers.tiers.map(({ name }) => name)).toEqual(['start', 'build', 'scale']);
  expect(valid({ BURSAR_DEFAULT_TIER: 'build' }).defaultTier).toBe('build');
  expect(problems({ BURSAR_DEFAULT_TIER: 'gold' })).toEqual([
    {
      variable: 'BURSAR_DEFAULT_TIER',
      found: '"gold"',
      expected: 'one of none, start, build, scale',
    },
  ]);
});

test('one webhook secret, or two while one replaces the other; never a blank one (S01)', () => {
  const secrets = (text: string) => problems({ STRIPE_WEBHOOK_SECRET: text });
  for (const fine of ['whsec_a', 'whsec_a,whsec_b', 'whsec_a, whsec_b', '']) {
    expect(secrets(fine)).toEqual([]);
  }
  for (const wrong of [' ', '\t', 'whsec_', 'whsec_a,', ',whsec_a', 'whsec_a,,whsec_b', 'a,b']) {
    expect(secrets(wrong), JSON.stringify(wrong)).toMatchObject([
      { variable: 'STRIPE_WEBHOOK_SECRET', expected: expect.stringContaining('whsec_…') },
    ]);
  }
});

test('the guide for operators lists every variable there is', () => {
  const asked = new Set<string>();
  const environment = new Proxy<Record<string, string>>(
    {},
    {
      get(_target, name) {
        asked.add(String(name));
        return undefined;
      },
    },
  );
  parseConfig(environment, readFrom({}));
  const page = readFileSync(new URL('../docs/operations.md', import.meta.url), 'utf8');
  // The guide says once that each secret has a twin.
  const isTwin = (name: string) => name.endsWith('_FILE') && asked.has(name.slice(0, -5));
  const own = [...asked].filter((name) => !isTwin(name));
  expect(own.length).toBeGreaterThan(30);
  expect(own.filter((name) => !page.includes(`\`${name}\``))).toEqual([]);
});
