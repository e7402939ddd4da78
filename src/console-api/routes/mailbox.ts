import type { FastifyReply, FastifyRequest } from 'fastify';
import * as z from 'zod/mini';
import { type KeptMail, listMailbox, readMailbox } from '#identity/mailbox';
import type { Api } from '../deps.ts';
import { mailboxMail, mailboxResponse } from '../notices/contract.ts';
import { refuse } from '../refusals.ts';

const LOOPBACK = /^(?:127(?:\.\d{1,3}){3}|::1|::ffff:127(?:\.\d{1,3}){3})$/;
const LOCAL_HOST = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d{1,5})?$/i;
const OUR_OWN = new Set<unknown>([undefined, 'same-origin', 'none']);

/**
 * Mails hold links that sign people in. Only who sits at this machine may read them, by an address
 * of it: a page elsewhere whose name points here is refused as well.
 */
async function fromHere(
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply | undefined> {
  const address = request.socket.remoteAddress ?? '';
  const host = request.headers.host ?? '';
  const ours = OUR_OWN.has(request.headers['sec-fetch-site']);
  if (LOOPBACK.test(address) && LOCAL_HOST.test(host) && ours) return undefined;
  return refuse(reply, 'not_found');
}

/** The HTML part alone: it may look as it wants, and can neither run nor load anything. */
const HTML_POLICY =
  "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'; " +
  'sandbox allow-popups allow-popups-to-escape-sandbox';

const header = (mail: KeptMail, name: string): string =>
  mail.headers.find((one) => one.name === name)?.value ?? '';

const headOf = (mail: KeptMail) => ({
  ...{ id: mail.id, at: mail.at.toISOString() },
  ...{ to: header(mail, 'To'), subject: header(mail, 'Subject') },
});

const params = z.object({ id: z.string().check(z.maxLength(40)) });

/** The development mailbox: what would have been sent if there were a mail server. */
export function mailboxRoutes(app: Api, directory: string): void {
  app.get(
    '/mailbox',
    { onRequest: fromHere, schema: { response: { 200: mailboxResponse } } },
    async () => ({ data: (await listMailbox(directory)).map(headOf) }),
  );

  app.get(
    '/mailbox/:id',
    { onRequest: fromHere, schema: { params, response: { 200: mailboxMail } } },
    async (request, reply) => {
      const mail = await readMailbox(directory, request.params.id);
      if (mail === undefined) return refuse(reply, 'not_found');
      const { headers, text, html } = mail;
      return { ...headOf(mail), headers: [...headers], text, has_html: html !== null };
    },
  );

  app.get(
    '/mailbox/:id/html',
    { onRequest: fromHere, schema: { params, hide: true } },
    async (request, reply) => {
      const mail = await readMailbox(directory, request.params.id);
      if (mail?.html == null) return refuse(reply, 'not_found');
      return reply
        .header('content-security-policy', HTML_POLICY)
        .header('x-frame-options', 'SAMEORIGIN')
        .type('text/html; charset=utf-8')
        .send(mail.html);
    },
  );
}
