import { z } from 'zod';
import type { Product } from '#test/product';
import { createdKey, grant, organization, usd } from './shapes.ts';
import { until } from './until.ts';
import { signIn, type Visitor } from './visitor.ts';

const billing = z.object({ available_usd: z.string(), held_usd: z.string() });

/** An organization with an API key, as an operator makes one. */
export interface Account {
  readonly org: string;
  readonly keyId: string;
  readonly apiKey: string;
  readonly owner: string;
  give(usd: string): Promise<void>;
  /** What is available once nothing is held any more: all that was asked so far is paid for. */
  rested(): Promise<bigint>;
}

export async function openAccount(product: Product, name: string): Promise<Account> {
  const owner = `${name.toLowerCase()}@example.com`;
  const { id } = await product.cli(organization, 'org', 'create', name, '--owner-email', owner);
  const key = await product.cli(createdKey, 'key', 'create', '--org', id, '--name', 'tests');
  let visitor: Promise<Visitor> | undefined;
  return {
    org: id,
    keyId: key.id,
    apiKey: key.key,
    owner,
    async give(usd) {
      await product.cli(grant, 'grant', '--org', id, '--usd', usd, '--reason', 'tests');
    },
    async rested() {
      visitor ??= signIn(product, owner);
      const { get } = await visitor;
      return await until('no hold open', 60_000, async () => {
        const { available_usd, held_usd } = await get(billing, '/api/billing');
        return held_usd === '0' ? usd(available_usd) : undefined;
      });
    },
  };
}

export interface Ask {
  readonly apiKey: string;
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

/** One Messages call, without an SDK between us and the wire. */
export function ask(gateway: string, asked: Ask): Promise<Response> {
  return fetch(`${gateway}/v1/messages`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      'anthropic-version': '2023-06-01',
      'x-api-key': asked.apiKey,
      ...asked.headers,
    },
    body: asked.body,
    signal: asked.signal ?? AbortSignal.timeout(90_000),
  });
}
