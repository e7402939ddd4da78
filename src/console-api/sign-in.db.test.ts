import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ConsoleWorld, consoleWorld } from '#test/console';
import { errorBody, meResponse } from './contract.ts';

let world: ConsoleWorld;
beforeAll(async () => {
  world = await consoleWorld();
});
afterAll(() => world.close());

const tokenOf = (text: string | undefined): string | null =>
  new URL(/http\S+/.exec(text ?? '')?.[0] ?? '').searchParams.get('token');

describe('signing in', () => {
  test('the mail’s link, one press, a cookie that scripts cannot read', async () => {
    const browser = world.stranger();
    expect((await browser.get('/api/me')).status).toBe(401);
    const asked = await browser.post('/api/sign-in', { email: 'ada@example.com' });
    expect(asked.body).toEqual({ sent: true, valid_minutes: 15 });
    const token = tokenOf(world.mails.at(-1)?.text);
    const completed = await browser.post('/api/sign-in/complete', { token });
    expect(completed.body).toEqual({ ok: true });
    expect(completed.headers['set-cookie']).toMatch(
      /^bursar_session=[\w-]{43}; Max-Age=2592000; Path=\/; HttpOnly; SameSite=Lax$/,
    );
    const me = meResponse.parse((await browser.get('/api/me')).body);
    expect(me).toMatchObject({
      user: { email: 'ada@example.com' },
      organization: null,
      role: null,
    });
  });

  test('T53: opening a link, as mail scanners do, signs nobody in and spends nothing', async () => {
    const { url } = await world.identity.issueLink('scanned@example.com');
    const link = new URL(url);
    const scanner = world.stranger();
    await scanner.get(`${link.pathname}${link.search}`);
    await scanner.get(`/api/sign-in/complete${link.search}`);
    expect(scanner.cookie()).toBe('');
    const token = link.searchParams.get('token');
    const person = await world.stranger().post('/api/sign-in/complete', { token });
    expect(person.status).toBe(200);
  });

  test('T48: the answer is the same for people we know and people we do not', async () => {
    await world.person('known@example.com');
    const known = await world.stranger().post('/api/sign-in', { email: 'known@example.com' });
    const unknown = await world.stranger().post('/api/sign-in', { email: 'nobody@example.com' });
    expect(known.status).toBe(unknown.status);
    expect(known.body).toEqual(unknown.body);
    const names = (headers: object) => Object.keys(headers).sort();
    expect(names(known.headers)).toEqual(names(unknown.headers));
  });

  test('a used link is refused in words, and says what to do next', async () => {
    const { url } = await world.identity.issueLink('again@example.com');
    const token = new URL(url).searchParams.get('token');
    const both = await Promise.all([
      world.stranger().post('/api/sign-in/complete', { token }),
      world.stranger().post('/api/sign-in/complete', { token }),
    ]);
    expect(both.map((one) => one.status).sort()).toEqual([200, 400]);
    const refused = both.find((one) => one.status === 400);
    expect(errorBody.parse(refused?.body).error).toMatchObject({
      code: 'link_invalid',
      next_step: 'Ask for a new link.',
    });
  });

  test('T16: signing in makes a new session and ends the one before it', async () => {
    const browser = await world.person('fixed@example.com');
    const before = browser.cookie();
    const { url } = await world.identity.issueLink('fixed@example.com');
    const token = new URL(url).searchParams.get('token');
    await browser.post('/api/sign-in/complete', { token });
    expect(browser.cookie()).not.toBe(before);
    const old = await world.console.app.inject({ url: '/api/me', headers: { cookie: before } });
    expect(old.statusCode).toBe(401);
    expect((await browser.get('/api/me')).status).toBe(200);
  });

  test('signing out ends the session itself, not only the cookie', async () => {
    const browser = await world.person('leaving@example.com');
    const cookie = browser.cookie();
    expect((await browser.post('/api/sign-out')).body).toEqual({ ok: true });
    expect(browser.cookie()).toBe('');
    const kept = await world.console.app.inject({ url: '/api/me', headers: { cookie } });
    expect(kept.statusCode).toBe(401);
  });
});

describe('requests from elsewhere (T17)', () => {
  test('another site can neither act with a person’s cookie nor sign them in', async () => {
    const organization = await world.organization('Mine');
    const browser = await world.person('target@example.com', { of: organization, role: 'admin' });
    const posts = [
      ['/api/keys', { name: 'planted' }],
      ['/api/purchases', { amount_usd: '25', nonce: 'planted-nonce' }],
      ['/api/organizations', { name: 'planted' }],
      ['/api/sign-out', {}],
      ['/api/sign-in', { email: 'target@example.com' }],
    ] as const;
    for (const [path, body] of posts) {
      for (const elsewhere of [
        { 'sec-fetch-site': 'cross-site' },
        { origin: 'https://evil.example' },
        { origin: 'null', 'sec-fetch-site': 'cross-site' },
      ]) {
        const headers = { ...elsewhere, 'content-type': 'application/json' };
        const refused = await browser.post(path, body, headers);
        expect(refused.status).toBe(403);
        expect(errorBody.parse(refused.body).error.code).toBe('cross_site');
      }
    }
    expect((await browser.get('/api/keys')).body).toMatchObject({ data: [] });
    expect((await browser.get('/api/me')).status).toBe(200);
  });

  test('a form’s content types are not spoken, a method in a header is not obeyed', async () => {
    const browser = await world.person('forms@example.com');
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data']) {
      const answer = await browser.post(
        '/api/organizations',
        { name: 'x' },
        { 'content-type': type },
      );
      expect(answer.status).toBe(415);
    }
    const get = await world.console.app.inject({
      url: '/api/sign-out',
      headers: { cookie: browser.cookie(), 'x-http-method-override': 'POST' },
    });
    expect(get.statusCode).toBe(404);
    expect((await browser.get('/api/me')).status).toBe(200);
  });
});

test('T49: no answer of the API may be stored, and every answer names its request', async () => {
  const browser = await world.person('cache@example.com');
  for (const path of ['/api/me', '/api/site', '/api/keys', '/api/nothing']) {
    const { headers } = await browser.get(path);
    expect(headers['cache-control']).toBe('no-store');
    expect(headers['request-id']).toMatch(/^req_/);
    expect(headers['content-security-policy']).toContain("frame-ancestors 'none'");
  }
});
