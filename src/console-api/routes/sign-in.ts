import { LINK_VALID_MINUTES } from '#identity/port';
import {
  completeSignInRequest,
  completeSignInResponse,
  done,
  signInRequest,
  signInResponse,
  siteResponse,
} from '../contract.ts';
import { clearSessionCookie, sessionCookie, setSessionCookie } from '../cookie.ts';
import type { Api, ConsoleDeps } from '../deps.ts';
import { refuse } from '../refusals.ts';

/** Screen "Sign in". */
export function signInRoutes(app: Api, deps: ConsoleDeps): void {
  app.get('/site', { schema: { response: { 200: siteResponse } } }, () => ({
    brand: deps.brand,
    simulated: deps.simulated,
    ...(deps.mailbox === undefined ? {} : { mailbox: true }),
  }));

  app.post(
    '/sign-in',
    { schema: { body: signInRequest, response: { 200: signInResponse } } },
    async (request, reply) => {
      const asked = await deps.identity.requestLink({
        email: request.body.email,
        address: request.ip,
      });
      if (asked.outcome === 'sent') {
        return { sent: true as const, valid_minutes: LINK_VALID_MINUTES };
      }
      if (asked.outcome === 'mail_unavailable') return refuse(reply, 'mail_unavailable');
      reply.header('retry-after', String(asked.retryAfterSeconds));
      return refuse(reply, 'too_many_links');
    },
  );

  app.post(
    '/sign-in/complete',
    { schema: { body: completeSignInRequest, response: { 200: completeSignInResponse } } },
    async (request, reply) => {
      const completed = await deps.identity.complete(request.body.token);
      if (completed.outcome === 'link_invalid') return refuse(reply, 'link_invalid');
      const previous = sessionCookie(request);
      if (previous !== undefined) await deps.identity.signOut(previous);
      setSessionCookie(reply, deps.consoleUrl, completed.sessionToken);
      return { ok: true as const };
    },
  );

  // Without a guard: signing out twice, or after the session ended, is still signed out.
  app.post('/sign-out', { schema: { response: { 200: done } } }, async (request, reply) => {
    const token = sessionCookie(request);
    if (token !== undefined) await deps.identity.signOut(token);
    clearSessionCookie(reply, deps.consoleUrl);
    return { ok: true as const };
  });
}
