import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { developmentMailbox } from '#identity/mail';
import { listMailbox, readMailbox } from '#identity/mailbox';
import { systemEntropy } from '#src/system';

const from = 'Bursar <no-reply@bursar.local>';

test('what is written into the mailbox is read from it as it was, newest first', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'bursar-mailbox-'));
  try {
    expect(await listMailbox(join(directory, 'none'))).toEqual([]);
    let at = 1_795_000_000_000;
    const entropy = { ...systemEntropy, nowMs: () => at++ };
    const mailbox = developmentMailbox({ directory, from, entropy }, () => {});
    const to = 'ada@example.com';
    await mailbox.deliver({ to, subject: 'Plain', text: 'One\n\nTwo\n' });
    const unsubscribeUrl = 'http://127.0.0.1:4000/notices?do=stop';
    const both = { to, subject: 'Both', text: 'Text: a\n\nb\n', html: '<p>Html\n\n</p>\n' };
    await mailbox.deliver({ ...both, id: 'mail_1@bursar.local', unsubscribeUrl });
    await writeFile(join(directory, 'other.eml'), 'not ours');
    const [second, first, ...more] = await listMailbox(directory);
    expect(more).toEqual([]);
    expect(first).toMatchObject({ text: 'One\n\nTwo\n', html: null });
    expect(second?.text.trimEnd()).toBe('Text: a\n\nb');
    expect(second?.html?.trimEnd()).toBe('<p>Html\n\n</p>');
    expect(second?.headers).toContainEqual({ name: 'Message-ID', value: '<mail_1@bursar.local>' });
    expect(second?.headers).toContainEqual({
      name: 'List-Unsubscribe',
      value: `<${unsubscribeUrl}>`,
    });
    expect(await readMailbox(directory, second?.id ?? '')).toEqual(second);
  } finally {
    await rm(directory, { recursive: true });
  }
});

test('the name of a mail is never a path', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'bursar-mailbox-'));
  try {
    const inside = join(directory, 'mailbox');
    await mkdir(inside);
    await writeFile(join(directory, '1-00000000.eml'), 'Subject: out\n\nsecret');
    for (const id of ['../1-00000000', '..%2f1-00000000', '1-00000000/../x', '']) {
      expect(await readMailbox(inside, id)).toBeUndefined();
    }
  } finally {
    await rm(directory, { recursive: true });
  }
});
