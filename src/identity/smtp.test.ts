import { createServer, type Socket } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { smtpMailer } from '#identity/mail';

const opened: { close(): void }[] = [];
afterEach(() => {
  for (const server of opened.splice(0)) server.close();
});

/** A mail server that says what it is told to, and keeps what it is sent. */
async function mailServer(
  answers: Partial<Record<'MAIL' | 'RCPT' | 'DATA' | 'END', string>> = {},
): Promise<{ url: string; received: string[] }> {
  const received: string[] = [];
  const talk = (socket: Socket): void => {
    let data: string | undefined;
    const say = (line: string) => socket.write(`${line}\r\n`);
    const command = (line: string): void => {
      if (line.startsWith('EHLO')) say('250 here');
      else if (line.startsWith('MAIL')) say(answers.MAIL ?? '250 ok');
      else if (line.startsWith('RCPT')) say(answers.RCPT ?? '250 ok');
      else if (line === 'DATA') {
        data = '';
        say('354 go on');
      } else if (line === 'QUIT') socket.end('221 bye\r\n');
      else say('250 ok');
    };
    let rest = '';
    socket.setEncoding('utf8').on('data', (chunk: string) => {
      rest += chunk;
      for (;;) {
        const end = rest.indexOf('\r\n');
        if (end === -1) return;
        const line = rest.slice(0, end);
        rest = rest.slice(end + 2);
        if (data === undefined) command(line);
        else if (line === '.') {
          received.push(data);
          data = undefined;
          say(answers.END ?? '250 taken');
        } else data += `${line}\n`;
      }
    });
    socket.on('error', () => socket.destroy());
    say('220 here');
  };
  const server = createServer(talk);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  opened.push(server);
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : undefined;
  return { url: `smtp://127.0.0.1:${port}`, received };
}

const from = 'Bursar <no-reply@bursar.example>';
const message = {
  ...{ to: 'ada@example.com', subject: 'Your receipt', text: 'Plain\n', html: '<p>Rich</p>' },
  ...{ id: 'mail_1@bursar.example', unsubscribeUrl: 'https://console.example.com/notices?do=stop' },
};

test('a mail goes out with both parts, its own id, and nobody’s vacation reply', async () => {
  const { url, received } = await mailServer();
  const mailer = smtpMailer({ url, from }, () => {});
  expect(await mailer.deliver(message)).toEqual({ outcome: 'accepted' });
  expect(await mailer.deliver(message)).toEqual({ outcome: 'accepted' });
  const [first = '', second = ''] = received;
  expect(first).toMatch(/^Message-ID: <mail_1@bursar\.example>$/m);
  expect(second).toMatch(/^Message-ID: <mail_1@bursar\.example>$/m);
  expect(first).toMatch(/^Auto-Submitted: auto-generated$/m);
  expect(first).toMatch(
    /^List-Unsubscribe:\s+<https:\/\/console\.example\.com\/notices\?do=stop>$/m,
  );
  expect(first).toContain('multipart/alternative');
  expect(first.indexOf('text/plain')).toBeLessThan(first.indexOf('text/html'));
});

test('only a refused recipient is the address’s fault; everything else may be tried again', async () => {
  const told: string[] = [];
  const handed = async (answers: Parameters<typeof mailServer>[0]) => {
    const { url } = await mailServer(answers);
    return smtpMailer({ url, from }, (error) => told.push(error.message)).deliver(message);
  };
  expect(await handed({ RCPT: '550 no such user' })).toEqual({
    ...{ outcome: 'refused', problem: 'address_refused' },
  });
  const later = { outcome: 'unavailable', problem: 'mail_server_refused' };
  expect(await handed({ RCPT: '450 try later' })).toEqual(later);
  expect(await handed({ MAIL: '550 not from you' })).toEqual(later);
  expect(await handed({ END: '554 looks like spam' })).toEqual(later);
  expect(told).toHaveLength(4);
  const gone = await mailServer();
  for (const server of opened.splice(0)) server.close();
  expect(await smtpMailer({ url: gone.url, from }, () => {}).deliver(message)).toEqual({
    ...{ outcome: 'unavailable', problem: 'mail_server_unreachable' },
  });
});
