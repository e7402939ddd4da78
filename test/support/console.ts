import type { FastifyInstance } from 'fastify';
import { type Console, createConsole } from '#console-api/server';
import type { Mailer, MailMessage } from '#identity/mail';
import type { Identity } from '#identity/port';
import { createIdentity } from '#identity/sign-in';
import type { OrganizationId } from '#kernel/ids';
import { addMember, findOrCreateUser } from '#orgs/members';
import { createOrganization } from '#orgs/organizations';
import type { Role } from '#orgs/roles';
import { systemEntropy } from '#src/system';
import { type PaymentsWorld, paymentsWorld } from '#test/payments';

export const CONSOLE_URL = 'http://127.0.0.1:4000';

/** Who runs the deployments of these tests. */
export const OPERATORS = ['operator@example.com', 'night-shift@example.com'] as const;

export interface Answer {
  readonly status: number;
  readonly body: unknown;
  readonly headers: Readonly<Record<string, unknown>>;
}

/** A person's browser: keeps its cookie, and says that it is on the Console's own pages. */
export interface Browser {
  get(path: string): Promise<Answer>;
  post(path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer>;
  cookie(): string;
}

export interface ConsoleWorld {
  readonly payments: PaymentsWorld;
  readonly console: Console;
  readonly identity: Identity;
  readonly mails: readonly MailMessage[];
  organization(name: string): Promise<OrganizationId>;
  /** A browser that nobody has signed in with. */
  stranger(): Browser;
  /** A signed-in person; a member of the organization if one is given. */
  person(email: string, member?: { of: OrganizationId; role: Role }): Promise<Browser>;
  close(): Promise<void>;
}

export async function consoleWorld(): Promise<ConsoleWorld> {
  const payments = await paymentsWorld();
  const { pool } = payments.db;
  const pepper = Buffer.from('a pepper that is only for tests.');
  const mails: MailMessage[] = [];
  const mailer: Mailer = {
    async send(message) {
      mails.push(message);
      return true;
    },
  };
  const shared = { pool, entropy: systemEntropy, pepper, consoleUrl: CONSOLE_URL, brand: 'Bursar' };
  const identity = createIdentity({ ...shared, mailer });
  const server = await createConsole({
    ...shared,
    identity,
    payments: payments.deps,
    simulated: true,
    operators: new Set(OPERATORS),
    logger: false,
    version: '0.0.0',
    payOrigin: payments.simUrl,
  });

  const stranger = (): Browser => browser(server.app);
  return {
    payments,
    console: server,
    identity,
    mails,
    async organization(name) {
      const made = await pool.transaction((tx) => createOrganization(tx, systemEntropy, { name }));
      return made.organizationId;
    },
    stranger,
    async person(email, member) {
      if (member !== undefined) {
        const user = await findOrCreateUser(pool, systemEntropy, email);
        await addMember(pool, {
          organizationId: member.of,
          userId: user.id,
          role: member.role,
        });
      }
      const { url } = await identity.issueLink(email);
      const person = stranger();
      const token = new URL(url).searchParams.get('token');
      const signedIn = await person.post('/api/sign-in/complete', { token });
      if (signedIn.status !== 200) throw new Error(`sign-in answered ${signedIn.status}`);
      return person;
    },
    async close() {
      await server.close();
      await payments.close();
    },
  };
}

function browser(app: FastifyInstance): Browser {
  let cookie = '';
  async function ask(
    method: 'GET' | 'POST',
    url: string,
    body: unknown,
    headers: Record<string, string>,
  ): Promise<Answer> {
    const answer = await app.inject({
      method,
      url,
      headers: { host: new URL(CONSOLE_URL).host, cookie, ...headers },
      ...(method === 'POST' ? { payload: JSON.stringify(body ?? {}) } : {}),
    });
    for (const set of answer.cookies) cookie = set.value === '' ? '' : `${set.name}=${set.value}`;
    const json = String(answer.headers['content-type']).includes('json');
    return {
      status: answer.statusCode,
      body: json ? answer.json() : answer.body,
      headers: answer.headers,
    };
  }
  const ours = {
    'content-type': 'application/json',
    origin: CONSOLE_URL,
    'sec-fetch-site': 'same-origin',
  };
  return {
    get: (path) => ask('GET', path, undefined, { 'sec-fetch-site': 'same-origin' }),
    post: (path, body, headers) => ask('POST', path, body, headers ?? ours),
    cookie: () => cookie,
  };
}
