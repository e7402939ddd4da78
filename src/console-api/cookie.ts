import type { CookieSerializeOptions } from '@fastify/cookie';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { SESSION_DAYS } from '#identity/port';

export const SESSION_COOKIE = 'bursar_session';

const options = (consoleUrl: string): CookieSerializeOptions => ({
  path: '/',
  httpOnly: true,
  // Lax and not Strict: the way back from the payment page starts on another site.
  sameSite: 'lax',
  secure: consoleUrl.startsWith('https:'),
});

const IN_HEADER = new RegExp(`(?:^|;\\s*)${SESSION_COOKIE}=([\\w-]+)`);

/** Cookies are read into the request inside the API only, and pages are served outside of it. */
export const sessionCookie = (request: FastifyRequest): string | undefined =>
  request.cookies === undefined
    ? IN_HEADER.exec(request.headers.cookie ?? '')?.[1]
    : request.cookies[SESSION_COOKIE];

export function setSessionCookie(reply: FastifyReply, consoleUrl: string, token: string): void {
  const maxAge = SESSION_DAYS * 24 * 60 * 60;
  reply.setCookie(SESSION_COOKIE, token, { ...options(consoleUrl), maxAge });
}

export function clearSessionCookie(reply: FastifyReply, consoleUrl: string): void {
  reply.clearCookie(SESSION_COOKIE, options(consoleUrl));
}
