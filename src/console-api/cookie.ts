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

export const sessionCookie = (request: FastifyRequest): string | undefined =>
  request.cookies[SESSION_COOKIE];

export function setSessionCookie(reply: FastifyReply, consoleUrl: string, token: string): void {
  const maxAge = SESSION_DAYS * 24 * 60 * 60;
  reply.setCookie(SESSION_COOKIE, token, { ...options(consoleUrl), maxAge });
}

export function clearSessionCookie(reply: FastifyReply, consoleUrl: string): void {
  reply.clearCookie(SESSION_COOKIE, options(consoleUrl));
}
