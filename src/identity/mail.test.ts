import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { enterTransaction } from '#db/transaction';
import { developmentMailbox, smtpMailer } from '#identity/mail';
import { systemEntropy } from '#src/system';

const link = `http://127.0.0.1:4000/sign-in?token=${'A'.repeat(43)}`;
const message = { to: 'ada@example.com', subject: 'Sign in to Bursar', text: `Open\n\n${link}\n` };
const from = 'Bursar <no-reply@bursar.local>';

test('without SMTP a message is a file only its owner reads, with the link unbroken', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'bursar-mailbox-'));
  try {
    const mailer = developmentMailbox({ directory, from, entropy: systemEntropy }, () => {});
    expect(await mailer.send(message)).toBe(true);
    const [name = '', ...more] = await readdir(directory);
    expect(more).toEqual([]);
    expect(name).toMatch(/^\d+-[0-9a-f]{8}\.eml$/);
    expect((await stat(join(directory, name))).mode & 0o777).toBe(0o600);
    const text = await readFile(join(directory, name), 'utf8');
    expect(text).toContain('To: ada@example.com');
    expect(text).toContain(link);
  } finally {
    await rm(directory, { recursive: true });
  }
});

test('a mail that cannot be sent is an outcome, and its reason is the operator’s', async () => {
  const silent = createServer((socket) => socket.destroy());
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
  const address = silent.address();
  const port = typeof address === 'object' ? address?.port : undefined;
  const failures: Error[] = [];
  try {
    const url = `smtp://127.0.0.1:${port}`;
    const mailer = smtpMailer({ url, from }, (error) => failures.push(error));
    expect(await mailer.send(message)).toBe(false);
    expect(failures).toHaveLength(1);
  } finally {
    silent.close();
  }
});

test('mail is never sent while a transaction is open', async () => {
  const mailer = smtpMailer({ url: 'smtp://127.0.0.1:1', from }, () => {});
  await expect(enterTransaction(() => mailer.send(message))).rejects.toThrow('transaction');
});
