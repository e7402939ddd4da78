import { createHmac } from 'node:crypto';
import type { Entropy } from '#kernel/ids';

const TOKEN_BYTES = 32;
const TOKEN_SHAPE = /^[A-Za-z0-9_-]{43}$/;

/** 256 random bits as text that survives URLs, cookies and mail. */
export const newToken = (entropy: Entropy): string =>
  Buffer.from(entropy.bytes(TOKEN_BYTES)).toString('base64url');

export const tokenShapeOk = (text: string): boolean => TOKEN_SHAPE.test(text);

/** What is stored instead of the token. The purpose is part of it: a link is never a session. */
export const digestOf = (
  pepper: Buffer,
  purpose: 'sign-in link' | 'session' | 'requester address' | 'notice link',
  text: string,
): Buffer => createHmac('sha256', pepper).update(`${purpose}\n${text}`).digest();
