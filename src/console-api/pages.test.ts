import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Fastify, { type FastifyInstance, type FastifyRequest } from 'fastify';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { securityHeaders, servePages } from './pages.ts';

const OPERATOR = 'a session of an operator';

let webDirectory: string;
let app: FastifyInstance;
beforeEach(async () => {
  webDirectory = await mkdtemp(join(tmpdir(), 'bursar-web-'));
  const options = {
    webDirectory,
    consoleUrl: 'https://console.example.com',
    payOrigin: 'https://checkout.example.com/pay',
    isOperator: async (request: FastifyRequest) => request.headers.cookie === OPERATOR,
  };
  app = Fastify();
  securityHeaders(app, options);
  await servePages(app, options);
});
afterEach(async () => {
  await app.close();
  await rm(webDirectory, { recursive: true });
});

async function build(): Promise<void> {
  await mkdir(join(webDirectory, 'assets'));
  await writeFile(join(webDirectory, 'index.html'), '<title>Console</title>');
  await writeFile(join(webDirectory, 'assets', 'main-3f2a.js'), 'export {};');
}

test('an address only the browser knows is answered with the page, asked for anew', async () => {
  await build();
  const pages = ['/', '/settings/billing', '/settings/billing/return?purchase=pur_1', '/sign-in'];
  for (const url of pages) {
    const answer = await app.inject(url);
    expect([answer.statusCode, answer.body]).toEqual([200, '<title>Console</title>']);
    expect(answer.headers['cache-control']).toBe('no-cache');
    expect(answer.headers['content-type']).toContain('text/html');
  }
});

test('every address of the router is a page', async () => {
  await build();
  const router = new URL('../../web/src/app/router.tsx', import.meta.url);
  const known = [...(await readFile(router, 'utf8')).matchAll(/\bpath: '([^']+)'/g)];
  expect(known.length).toBeGreaterThan(5);
  for (const [, path = ''] of known) {
    const answer = await app.inject({ url: path, headers: { cookie: OPERATOR } });
    expect([path, answer.statusCode]).toEqual([path, 200]);
  }
});

test('the operator’s page is not found by anybody else', async () => {
  await build();
  for (const url of ['/operator', '/operator/', '/operator?organization=org_1']) {
    expect([url, (await app.inject(url)).statusCode]).toEqual([url, 404]);
    const answer = await app.inject({ url, headers: { cookie: OPERATOR } });
    expect([url, answer.statusCode]).toEqual([url, 200]);
  }
});

test('an address nobody knows is the page that says so, and a 404', async () => {
  await build();
  for (const url of ['/a.b', '/healthz', '/settings/nothing']) {
    const answer = await app.inject(url);
    expect([answer.statusCode, answer.body]).toEqual([404, '<title>Console</title>']);
  }
});

test('built files are kept for ever, as their names change with their content', async () => {
  await build();
  const answer = await app.inject('/assets/main-3f2a.js');
  expect(answer.headers['cache-control']).toBe('public, max-age=31536000, immutable');
  expect(answer.headers['content-type']).toContain('javascript');
});

test('what is missing where pages never are is not found, and is no page', async () => {
  await build();
  const asked = ['/assets/old-1234.js', '/api/nothing', '/webhooks/nothing'];
  for (const url of asked) {
    const answer = await app.inject(url);
    expect([answer.statusCode, answer.json().error.code]).toEqual([404, 'not_found']);
    expect(answer.headers['cache-control']).toBe('no-store');
  }
  expect((await app.inject({ method: 'POST', url: '/settings' })).statusCode).toBe(404);
});

test('files outside the built pages are out of reach', async () => {
  await build();
  for (const url of ['/../package.json', '/..%2f..%2fpackage.json', '/%2e%2e/package.json']) {
    const answer = await app.inject(url);
    expect(answer.body).not.toContain('bursar');
  }
});

test('pages that are not built yet are asked for in words', async () => {
  const answer = await app.inject('/settings/billing');
  expect(answer.statusCode).toBe(503);
  expect(answer.body).toContain('npm run build:web');
  await build();
  expect((await app.inject('/settings/billing')).statusCode).toBe(200);
});

test('a page loads nothing from elsewhere, is framed by nobody, and sends forms home', async () => {
  await build();
  const { headers } = await app.inject('/');
  expect(headers['content-security-policy']).toBe(
    "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data:; " +
      "font-src 'self' data:; object-src 'none'; base-uri 'none'; " +
      "form-action 'self' https://checkout.example.com; frame-ancestors 'none'",
  );
  expect(headers).toMatchObject({
    'x-content-type-options': 'nosniff',
    'x-frame-options': 'DENY',
    'referrer-policy': 'same-origin',
    'strict-transport-security': 'max-age=31536000',
  });
});
