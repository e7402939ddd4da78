import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createConsole } from '#console-api/server';
import { developmentMailbox } from '#identity/mail';
import { announceForgotten } from '#notices/announce';
import { teller } from '#notices/tell';
import { mailboxToShow } from '#src/start/mailer';
import { systemEntropy } from '#src/system';
import { CONSOLE_URL, type ConsoleWorld, consoleWorld } from '#test/console';
import { quietNotices } from '#test/notices-world';
import { errorBody } from './contract.ts';
import { mailboxMail, mailboxResponse, noticesResponse } from './notices/contract.ts';

let world: ConsoleWorld;
beforeAll(async () => {
  world = await consoleWorld();
});
afterAll(() => world.close());

async function admin(name: string) {
  const of = await world.organization(name);
  const email = `${name.toLowerCase()}@example.com`;
  return { of, email, person: await world.person(email, { of, role: 'admin' }) };
}

const settings = {
  ...{ low_balance_usd: '20', runway_days: null, limit_steps: [90, 50], digest: true },
  roles: { limits: ['developer'], operation: ['admin'], nonsense: ['admin'] },
};

describe('the Notices screen', () => {
  test('begins with the standard, keeps what is saved, and says what is wrong where', async () => {
    const { person } = await admin('Keeps');
    const before = noticesResponse.parse((await person.get('/api/notices')).body);
    expect(before.settings).toEqual({
      ...{ low_balance_usd: '5', runway_days: 7, limit_steps: [80], digest: false },
    });
    const saved = await person.post('/api/notices/settings', settings);
    const after = noticesResponse.parse(saved.body);
    expect(after.settings).toEqual({ ...settings, limit_steps: [50, 90], roles: undefined });
    const rolesOf = (topic: string) => after.topics.find((one) => one.topic === topic)?.roles;
    expect(rolesOf('limits')).toEqual(['developer']);
    expect(rolesOf('receipts')).toEqual(['billing', 'admin']);
    expect(rolesOf('operation')).toBeUndefined();
    const wrong = await person.post('/api/notices/settings', { ...settings, runway_days: 100 });
    expect(wrong.status).toBe(400);
    expect(errorBody.parse(wrong.body).error).toMatchObject({ field: 'runway_days' });
  });

  test('shows what was told and whom it reached, of one’s own organization alone', async () => {
    const { of, email, person } = await admin('Shows');
    const stranger = await admin('Elsewhere');
    const { pool } = world.payments.db;
    await pool.transaction((tx) =>
      teller(systemEntropy)(tx, {
        ...{ organizationId: of, kind: 'receipt', key: 'pur_1', facts: { amount_usd: '5' } },
      }),
    );
    await announceForgotten(quietNotices(pool));
    const { notices } = noticesResponse.parse((await person.get('/api/notices')).body);
    expect(notices).toMatchObject([
      {
        headline: 'Thank you. $5.00 of credits can be used now',
        mails: [{ address: email, state: 'queued' }],
      },
    ]);
    const other = noticesResponse.parse((await stranger.person.get('/api/notices')).body);
    expect(other.notices).toEqual([]);
  });

  test('adds an address that has not agreed, and takes it back', async () => {
    const { person } = await admin('Adds');
    const asked = { address: 'Books@Example.com', topics: ['receipts', 'operation'] };
    const { addresses } = noticesResponse.parse(
      (await person.post('/api/notices/addresses', asked)).body,
    );
    expect(addresses).toEqual([
      { address: 'books@example.com', topics: ['receipts'], confirmed_at: null },
    ]);
    const removal = { address: 'books@example.com' };
    const gone = await person.post('/api/notices/addresses/remove', removal);
    expect(noticesResponse.parse(gone.body).addresses).toEqual([]);
    expect((await person.post('/api/notices/addresses/remove', removal)).status).toBe(404);
  });

  test('a link that somebody made up does nothing', async () => {
    const { of, email } = await admin('Link');
    const made = { do: 'stop', organization: of, address: email, topic: 'balance', signature: 'x' };
    const answer = await world.stranger().post('/api/notices/link', made);
    expect(answer.status).toBe(400);
    expect(errorBody.parse(answer.body).error.code).toBe('notice_link_invalid');
  });
});

describe('the development mailbox', () => {
  test('is read only at this machine, by an address of it, and is nowhere else', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'bursar-mailbox-'));
    const server = await createConsole({
      ...{ pool: world.payments.db.pool, identity: world.identity, entropy: systemEntropy },
      ...{ payments: world.payments.deps, pepper: Buffer.alloc(32), consoleUrl: CONSOLE_URL },
      ...{ brand: 'Bursar', simulated: true, logger: false, version: '0', mailbox: directory },
    });
    const get = (url: string, more: Record<string, string> = {}, remoteAddress = '127.0.0.1') =>
      server.app.inject({ url, remoteAddress, headers: { host: '127.0.0.1:4000', ...more } });
    try {
      const mailbox = developmentMailbox(
        { directory, from: 'Bursar <a@b.example>', entropy: systemEntropy },
        () => {},
      );
      const html = '<p>Hello</p>';
      await mailbox.deliver({ to: 'ada@example.com', subject: 'Hello', text: 'Hello', html });
      const { data } = mailboxResponse.parse((await get('/api/mailbox')).json());
      expect(data).toMatchObject([{ to: 'ada@example.com', subject: 'Hello' }]);
      const path = `/api/mailbox/${data[0]?.id}`;
      expect(mailboxMail.parse((await get(path)).json())).toMatchObject({ has_html: true });
      const shown = await get(`${path}/html`);
      expect(shown.body.trim()).toBe(html);
      expect(shown.headers['content-security-policy']).toContain("default-src 'none'");
      expect((await get('/api/mailbox/1-00000000')).statusCode).toBe(404);
      for (const refused of [
        get('/api/mailbox', {}, '192.0.2.7'),
        get('/api/mailbox', { host: 'rebound.example.com' }),
        get('/api/mailbox', { 'sec-fetch-site': 'cross-site' }),
        get(`${path}/html`, { host: 'rebound.example.com' }),
      ]) {
        expect((await refused).statusCode).toBe(404);
      }
      expect((await world.stranger().get('/api/mailbox')).status).toBe(404);
    } finally {
      await server.close();
      await rm(directory, { recursive: true });
    }
  });

  test('exists only in a simulation without a mail server, on this machine alone', () => {
    const here = { dataDir: 'data', smtpUrl: undefined, production: false, host: '127.0.0.1' };
    expect(mailboxToShow(here, true).mailbox).toContain('mailbox');
    expect(mailboxToShow(here, false)).toEqual({});
    expect(mailboxToShow({ ...here, production: true }, true)).toEqual({});
    expect(mailboxToShow({ ...here, host: '0.0.0.0' }, true)).toEqual({});
    expect(mailboxToShow({ ...here, smtpUrl: 'smtp://mail' }, true)).toEqual({});
  });
});
