import type { Product } from '#test/product';
import { createdKey, grant, organization } from './shapes.ts';

/** An organization with an API key, as an operator makes one. */
export interface Account {
  readonly org: string;
  readonly keyId: string;
  readonly apiKey: string;
  readonly owner: string;
  give(usd: string): Promise<void>;
}

export async function openAccount(product: Product, name: string): Promise<Account> {
  const owner = `${name.toLowerCase()}@example.com`;
  const { id } = await product.cli(organization, 'org', 'create', name, '--owner-email', owner);
  const key = await product.cli(createdKey, 'key', 'create', '--org', id, '--name', 'tests');
  return {
    org: id,
    keyId: key.id,
    apiKey: key.key,
    owner,
    async give(usd) {
      await product.cli(grant, 'grant', '--org', id, '--usd', usd, '--reason', 'tests');
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
    signal: asked.signal ?? AbortSignal.timeout(30_000),
  });
}
