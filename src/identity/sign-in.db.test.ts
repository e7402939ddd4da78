import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Mailer, MailMessage } from '#identity/mail';
import type { Identity } from '#identity/port';
import { createIdentity } from '#identity/sign-in';
import { systemEntropy } from '#src/system';
import { type TestDatabase, testDatabase } from '#test/database';

let database: TestDatabase;
let identity: Identity;
let mailWorks = true;
const mails: MailMessage[] = [];
const mailer: Mailer = {
  async send(message) {
    mails.push(message);
    return mailWorks;
  },
};

beforeAll(async () => {
  database = await testDatabase();
  identity = createIdentity({
    pool: database.pool,
    entropy: systemEntropy,
    pepper: Buffer.from('a pepper that is only for tests.'),
    mailer,
    consoleUrl: 'http://127.0.0.1:4000',
    brand: 'Bursar',
  });
});
afterAll(() => database.drop());
beforeEach(() => {
  mails.length = 0;
  mailWorks = true;
});

let requesters = 0;
const request = (email: string, address = `198.51.100.${requesters++}`) =>
  identity.requestLink({ email, address });

function tokenIn(mail: MailMessage | undefined): string {
  const [link = ''] = /http\S+/.exec(mail?.text ?? '') ?? [];
  return new URL(link).searchParams.get('token') ?? '';
}

async function linkFor(email: string): Promise<string> {
  expect(await request(email)).toEqual({ outcome: 'sent' });
  return tokenIn(mails.at(-1));
}

async function signIn(email: string): Promise<string> {
  const completed = await identity.complete(await linkFor(email));
  if (completed.outcome !== 'signed_in') throw new Error(completed.outcome);
  return completed.sessionToken;
}

/** Lets real time pass for what is stored, which no test clock moves. */
const age = (table: 'sign_in_links' | 'sessions', by: string) =>
  database.ownerPool.query({
    text: `UPDATE identity.${table}
      SET created_at = created_at - $1::interval, expires_at = expires_at - $1::interval`,
    values: [by],
  });

describe('sign-in links', () => {
  test('a link signs in as the address it was sent to', async () => {
    const token = await linkFor(' Ada@Example.com ');
    expect(mails.at(-1)?.to).toBe('ada@example.com');
    const completed = await identity.complete(token);
    if (completed.outcome !== 'signed_in') throw new Error(completed.outcome);
    const session = await identity.readSession(completed.sessionToken);
    expect(session).toEqual({
      userId: completed.userId,
      email: 'ada@example.com',
      fresh: true,
      organizationId: null,
    });
  });

  test('of many presses at once, one signs in', async () => {
    const token = await linkFor('once@example.com');
    const all = await Promise.all(Array.from({ length: 8 }, () => identity.complete(token)));
    expect(all.filter((one) => one.outcome === 'signed_in')).toHaveLength(1);
    expect(await identity.complete(token)).toEqual({ outcome: 'link_invalid' });
  });

  test('a link is dead after fifteen minutes', async () => {
    const fresh = await linkFor('in-time@example.com');
    await age('sign_in_links', '14 minutes 50 seconds');
    expect((await identity.complete(fresh)).outcome).toBe('signed_in');
    const late = await linkFor('late@example.com');
    await age('sign_in_links', '15 minutes');
    expect(await identity.complete(late)).toEqual({ outcome: 'link_invalid' });
  });

  test('a new link voids the older ones of its address and no others', async () => {
    const older = await linkFor('twice@example.com');
    const others = await linkFor('other@example.com');
    const newer = await linkFor('twice@example.com');
    expect(await identity.complete(older)).toEqual({ outcome: 'link_invalid' });
    expect((await identity.complete(newer)).outcome).toBe('signed_in');
    const completed = await identity.complete(others);
    if (completed.outcome !== 'signed_in') throw new Error(completed.outcome);
    const session = await identity.readSession(completed.sessionToken);
    expect(session?.email).toBe('other@example.com');
  });

  test('a link is no session and a session is no link', async () => {
    const link = await linkFor('kinds@example.com');
    expect(await identity.readSession(link)).toBeUndefined();
    const session = await signIn('kinds@example.com');
    expect(await identity.complete(session)).toEqual({ outcome: 'link_invalid' });
    for (const odd of ['', 'x', `${session}x`, `${session}\0`]) {
      expect(await identity.complete(odd)).toEqual({ outcome: 'link_invalid' });
      expect(await identity.readSession(odd)).toBeUndefined();
    }
  });

  test("no link or session's secret is in the database", async () => {
    const link = await linkFor('dump@example.com');
    const session = await signIn('dump@example.com');
    const rows = await database.ownerPool.query<{ row: string }>({
      text: `SELECT t::text AS row FROM identity.sign_in_links t
        UNION ALL SELECT t::text FROM identity.sessions t
        UNION ALL SELECT t::text FROM identity.audit_events t`,
    });
    expect(rows.length).toBeGreaterThan(3);
    for (const secret of [link, session]) {
      const hex = Buffer.from(secret, 'base64url').toString('hex');
      const clear = Buffer.from(secret).toString('hex');
      for (const { row } of rows) {
        expect([secret, hex, clear].some((form) => row.includes(form))).toBe(false);
      }
    }
  });
});

describe('asking for links', () => {
  test('T48: known and unknown addresses get the same answer, mail and limit', async () => {
    await signIn('known@example.com');
    const known = await request('known@example.com');
    const unknown = await request('unknown@example.com');
    expect(known).toEqual(unknown);
    const [, knownMail, unknownMail] = mails.map((mail) =>
      mail.text.replace(mail.to, 'ADDRESS').replace(/token=\S+/, 'token'),
    );
    expect(knownMail).toBe(unknownMail);
    const limits = [];
    for (const email of ['known@example.com', 'unknown@example.com']) {
      let answer = await request(email);
      while (answer.outcome === 'sent') answer = await request(email);
      limits.push(answer);
    }
    expect(limits[0]).toEqual({ outcome: 'too_many_requests', retryAfterSeconds: 900 });
    expect(limits[1]).toEqual(limits[0]);
  });

  test('one mailbox is sent five links in fifteen minutes, also when asked at once', async () => {
    const asked = await Promise.all(Array.from({ length: 9 }, () => request('flood@example.com')));
    expect(asked.filter((one) => one.outcome === 'sent')).toHaveLength(5);
    expect(mails).toHaveLength(5);
    await age('sign_in_links', '15 minutes');
    expect(await request('flood@example.com')).toEqual({ outcome: 'sent' });
  });

  test('one requester cannot write to mailbox after mailbox', async () => {
    let sent = 0;
    for (let n = 0; n < 100; n++) {
      const asked = await request(`victim${n}@example.com`, '203.0.113.9');
      if (asked.outcome === 'sent') sent++;
    }
    expect(sent).toBe(60);
  });

  test('the operator can make a link when mail is down and limits are reached', async () => {
    mailWorks = false;
    expect(await request('owner@example.com')).toEqual({ outcome: 'mail_unavailable' });
    const { url } = await identity.issueLink('Owner@Example.com');
    const token = new URL(url).searchParams.get('token') ?? '';
    expect((await identity.complete(token)).outcome).toBe('signed_in');
  });
});

describe('sessions', () => {
  test('a session that was signed out or revoked is gone at once, others stay', async () => {
    const phone = await signIn('devices@example.com');
    const laptop = await signIn('devices@example.com');
    const tablet = await signIn('devices@example.com');
    await identity.signOut(phone);
    expect(await identity.readSession(phone)).toBeUndefined();
    const session = await identity.readSession(laptop);
    expect(session?.email).toBe('devices@example.com');
    await identity.signOutEverywhere(session?.userId ?? '');
    expect(await identity.readSession(laptop)).toBeUndefined();
    expect(await identity.readSession(tablet)).toBeUndefined();
  });

  test('thirty days without use end a session; use moves the end', async () => {
    const token = await signIn('sliding@example.com');
    await database.ownerPool.query({
      text: `UPDATE identity.sessions SET last_seen_at = last_seen_at - interval '29 days',
        expires_at = expires_at - interval '29 days'`,
    });
    expect(await identity.readSession(token)).toBeDefined();
    await age('sessions', '29 days');
    expect(await identity.readSession(token)).toBeDefined();
    await age('sessions', '1 day');
    expect(await identity.readSession(token)).toBeUndefined();
  });

  test('a session is fresh for twelve hours, and no use of it makes it so again', async () => {
    const token = await signIn('fresh@example.com');
    const began = (hours: number) =>
      database.ownerPool.query({
        text: `UPDATE identity.sessions SET created_at = bursar.real_now()
          - make_interval(hours => $1) + interval '1 minute'`,
        values: [hours],
      });
    await began(12);
    expect((await identity.readSession(token))?.fresh).toBe(true);
    await began(13);
    expect((await identity.readSession(token))?.fresh).toBe(false);
    expect((await identity.readSession(token))?.fresh).toBe(false);
    const again = await signIn('fresh@example.com');
    expect((await identity.readSession(again))?.fresh).toBe(true);
  });

  test('a moved test clock signs nobody out', async () => {
    const token = await signIn('clock@example.com');
    await database.ownerPool.query({ text: 'UPDATE bursar.deployment SET simulated = true' });
    await database.pool.query({ text: "SELECT bursar.advance_clock(interval '366 days')" });
    expect((await identity.readSession(token))?.email).toBe('clock@example.com');
  });
});
