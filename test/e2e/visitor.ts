import { z } from 'zod';
import type { Product } from '#test/product';
import { link, usd } from './shapes.ts';

/** A signed-in person without a browser: what the Console's pages ask, asked by hand. */
export interface Visitor {
  readonly email: string;
  get<T>(shape: z.ZodType<T>, path: string): Promise<T>;
  post<T>(shape: z.ZodType<T>, path: string, body: unknown): Promise<T>;
  /** For refusals: status and body. */
  tryPost(path: string, body: unknown): Promise<{ status: number; body: unknown }>;
  /** What the Billing page shows as available, in nano-USD. */
  available(): Promise<bigint>;
}

const billing = z.object({ available_usd: z.string() });

export async function signIn(product: Product, email: string): Promise<Visitor> {
  const { url } = await product.cli(link, 'sign-in-link', '--email', email);
  const token = new URL(url).searchParams.get('token');
  const origin = product.run.console;
  const answer = await send(origin, undefined, '/api/sign-in/complete', { token });
  if (!answer.ok) throw new Error(`sign-in: ${answer.status} ${await answer.text()}`);
  const cookie = answer.headers.getSetCookie()[0]?.split(';')[0];
  const get = async <T>(shape: z.ZodType<T>, path: string): Promise<T> =>
    read(shape, path, await send(origin, cookie, path));
  return {
    email,
    get,
    post: async (shape, path, body) => read(shape, path, await send(origin, cookie, path, body)),
    async tryPost(path, body) {
      const refused = await send(origin, cookie, path, body);
      const said: unknown = await refused.json();
      return { status: refused.status, body: said };
    },
    available: async () => usd((await get(billing, '/api/billing')).available_usd),
  };
}

async function read<T>(shape: z.ZodType<T>, path: string, answer: Response): Promise<T> {
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${text}`);
  return shape.parse(JSON.parse(text));
}

function send(
  origin: string,
  cookie: string | undefined,
  path: string,
  body?: unknown,
): Promise<Response> {
  return fetch(`${origin}${path}`, {
    method: body === undefined ? 'GET' : 'POST',
    headers: {
      origin,
      ...(cookie === undefined ? {} : { cookie }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(15_000),
  });
}
