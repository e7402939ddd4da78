import { createServer, type IncomingHttpHeaders, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Charging, HoldOutcome, SettleCommand, SettleOutcome } from '#charging/charging';
import type { AsOf } from '#charging/commands';
import type { Journal } from '#charging/journal';
import { assembleGateway, type Gateway, type GatewayParts } from '#gateway/gateway';
import type { Claims } from '#gateway/keyed-turns';
import { parseId } from '#kernel/ids';
import { least, type NanoUsd, nanos, ZERO } from '#kernel/money';
import { createApiKey, digestKey } from '#orgs/api-keys';
import type { FileOwners, FileScope } from '#orgs/files';
import type { HoldPolicy } from '#orgs/hold-policy';
import type { FoundKey } from '#orgs/key-lookup';
import { bundledBook } from '#pricing/bundled-book';
import { systemClock, systemEntropy } from '#src/system';
import { STANDING_EPOCH, standingPrices } from '#test/prices';

export const MODEL = 'claude-opus-5';
export const question = {
  model: MODEL,
  max_tokens: 100,
  messages: [{ role: 'user', content: 'What does a meter read?' }],
};

/** What a ledger says that stands by prices which never change. */
export const standing = (): AsOf => ({ epoch: STANDING_EPOCH, now: systemClock.now() });

/** An honest ledger in memory: one organization, holds, and one resolution for each of them. */
export class MemoryCharging implements Charging {
  balance: NanoUsd;
  readonly holds = new Map<string, NanoUsd>();
  readonly resolved = new Map<string, SettleCommand>();
  readonly charges = new Map<string, NanoUsd>();
  holdAnswer: HoldOutcome | undefined;
  reachable = true;
  /** Settlements wait for it. */
  gate: Promise<void> = Promise.resolve();

  constructor(balance: bigint) {
    this.balance = nanos(balance);
  }

  get available(): NanoUsd {
    let held = 0n;
    for (const amount of this.holds.values()) held += amount;
    return nanos(this.balance - held);
  }

  async hold(command: Parameters<Charging['hold']>[0]): Promise<HoldOutcome> {
    if (this.holdAnswer !== undefined) return this.holdAnswer;
    const { available } = this;
    const required = command.amount;
    const asOf = standing();
    if (required > available) return { outcome: 'insufficient_credit', available, required, asOf };
    this.holds.set(command.requestId, command.amount);
    return { outcome: 'held', available: this.available, asOf };
  }

  async extend(command: Parameters<Charging['extend']>[0]): ReturnType<Charging['extend']> {
    const before = this.holds.get(command.requestId);
    if (before === undefined) return { outcome: 'unknown_hold' };
    const { available } = this;
    const required = command.toAmount;
    if (required > available + before) {
      return { outcome: 'insufficient_credit', available, required };
    }
    if (required > before) this.holds.set(command.requestId, required);
    return { outcome: 'held', available: this.available };
  }

  async renew(): Promise<void> {}

  handOver(): void {}

  async settle(command: SettleCommand): Promise<SettleOutcome> {
    await this.gate;
    if (!this.reachable) return { outcome: 'ledger_unavailable' };
    const before = this.charges.get(command.requestId);
    if (before !== undefined) {
      return { outcome: 'already_resolved', charged: before, available: this.available };
    }
    if (!this.holds.delete(command.requestId)) return { outcome: 'unknown_hold' };
    this.resolved.set(command.requestId, command);
    const cost = command.resolution === 'void' ? ZERO : command.cost;
    const charged = least(cost, this.balance);
    this.charges.set(command.requestId, charged);
    this.balance = nanos(this.balance - charged);
    const outcome = command.resolution === 'void' ? 'voided' : 'settled';
    return { outcome, charged, available: this.available, flags: [] };
  }

  /** Whoever does not answer here is away, not busy. */
  silent = (): boolean => true;

  async close(): Promise<void> {}

  /** The one resolution there must be. */
  only(): SettleCommand {
    const [first, ...more] = this.resolved.values();
    if (first === undefined || more.length > 0) {
      throw new Error(`expected one resolution, found ${this.resolved.size}`);
    }
    return first;
  }
}

/** Whose an Idempotency-Key is, as the database would say by the holds of `charging`. */
export function memoryClaims(charging: MemoryCharging): Claims {
  const claims = new Map<string, { readonly asked: Buffer; readonly requestId: string }>();
  const nameOf = (claim: Parameters<Claims['claim']>[0]) => `${claim.apiKeyId} ${claim.key}`;
  return {
    async claim(claim) {
      const known = claims.get(nameOf(claim));
      const resolution = charging.resolved.get(known?.requestId ?? '')?.resolution;
      if (known === undefined || resolution === 'void') {
        claims.set(nameOf(claim), claim);
        return { outcome: 'claimed' };
      }
      const { requestId } = claim;
      if (!known.asked.equals(claim.asked)) return { outcome: 'mismatch', requestId };
      const outcome = resolution === 'settle' ? 'finished' : 'in_flight';
      const id = parseId('request', known.requestId);
      if (id === undefined) throw new Error(`odd request id ${known.requestId}`);
      return { outcome, requestId: id };
    },
    async release(claim) {
      if (claims.get(nameOf(claim))?.requestId === claim.requestId) claims.delete(nameOf(claim));
    },
  };
}

export interface TestGateway {
  readonly gateway: Gateway;
  readonly url: string;
  readonly key: string;
  readonly adminKey: string;
  readonly charging: MemoryCharging;
  readonly foundKey: { status: FoundKey['status'] };
  lookups(): number;
}

/** Whose files there are, in memory; what one organization may keep is not bounded. */
export function memoryFiles(): FileOwners {
  const files: { readonly of: string; readonly id: string; readonly at: Date }[] = [];
  const nameOf = (scope: FileScope) => `${scope.organizationId}/${scope.workspaceId}`;
  const of = (scope: FileScope) => files.filter((file) => file.of === nameOf(scope));
  return {
    async record(scope, { id }) {
      files.unshift({ of: nameOf(scope), id, at: systemClock.now() });
    },
    async owned(scope, ids) {
      const known = of(scope).map(({ id }) => id);
      return new Set(ids.filter((id) => known.includes(id)));
    },
    page: async (scope) => ({ ids: of(scope).map(({ id }) => id), next: null }),
    mayStore: async () => true,
    async forget(scope, id) {
      const at = files.findIndex((file) => file.of === nameOf(scope) && file.id === id);
      if (at !== -1) files.splice(at, 1);
    },
  };
}

const book = bundledBook();
const pepper = Buffer.from('pepper of the tests');

async function newKey(kind: FoundKey['kind']): Promise<string> {
  const unsaved = { query: async () => [] };
  const made = await createApiKey(
    unsaved,
    { entropy: systemEntropy, pepper },
    { organizationId: 'org_1', workspaceId: 'wrkspc_1', name: 'test', kind, createdBy: null },
  );
  return made.key;
}

export async function startGateway(
  upstreamUrl: string,
  options: Partial<GatewayParts> & {
    readonly balance?: bigint;
    readonly holdPolicy?: HoldPolicy;
    readonly workspaceLimits?: unknown;
    readonly journalOf?: (charging: Charging) => Promise<Journal>;
  } = {},
): Promise<TestGateway> {
  const [key, adminKey] = await Promise.all([newKey('workspace'), newKey('admin')]);
  const foundKey: { status: FoundKey['status'] } = { status: 'active' };
  const { balance = 5_000_000_000n, holdPolicy = 'auto', ...given } = options;
  const { journalOf, workspaceLimits, ...parts } = given;
  const charging = new MemoryCharging(balance);
  const journal = await journalOf?.(charging);
  let lookups = 0;
  const known = new Map([
    [digestKey(pepper, key).toString('hex'), 'workspace' as const],
    [digestKey(pepper, adminKey).toString('hex'), 'admin' as const],
  ]);
  const gateway = await assembleGateway({
    async findKey(digest) {
      lookups += 1;
      const kind = known.get(digest.toString('hex'));
      if (kind === undefined) return undefined;
      return {
        organizationId: 'org_1',
        workspaceId: 'wrkspc_1',
        apiKeyId: `apikey_${kind}`,
        kind,
        status: foundKey.status,
        organizationStatus: 'active',
        holdPolicy,
        workspaceLimits,
      };
    },
    files: memoryFiles(),
    charging,
    prices: standingPrices(book),
    async wouldHold(command) {
      const answer = await charging.hold(command);
      charging.holds.delete(command.requestId);
      return answer;
    },
    claims: memoryClaims(charging),
    upstream: { url: upstreamUrl, key: 'operator-key' },
    clock: systemClock,
    entropy: systemEntropy,
    pepper,
    billingUrl: 'http://127.0.0.1:4000/settings/billing',
    logger: false,
    drainSeconds: 5,
    ...(journal === undefined ? {} : { journal }),
    ...parts,
  });
  const url = await gateway.listen('127.0.0.1', 0);
  return { gateway, url, key, adminKey, charging, foundKey, lookups: () => lookups };
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  readonly broken: boolean;
}

export interface Asking {
  readonly method?: string;
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string | undefined>>;
  readonly body?: unknown;
  /** Called with everything received so far; returning true hangs up. */
  readonly leaveWhen?: (received: Buffer) => boolean;
  readonly hangUpAfterMs?: number;
  readonly hangUpWhen?: Promise<void>;
  /** Takes the head of the answer and then reads no more. */
  readonly pauseReading?: boolean;
}

/** A call with a raw client, which shows bytes, headers and broken endings as they are. */
export function ask(to: { readonly url: string; readonly key: string }, asking: Asking = {}) {
  const { method = 'POST', path = '/v1/messages', body = question } = asking;
  const bytes = Buffer.isBuffer(body) ? body : Buffer.from(JSON.stringify(body));
  const headers: Record<string, string> = {};
  const wanted = {
    'x-api-key': to.key,
    'anthropic-version': '2023-06-01',
    'content-type': 'application/json',
    ...asking.headers,
  };
  for (const [name, value] of Object.entries(wanted))
    if (value !== undefined) headers[name] = value;
  return new Promise<Answer>((resolve, reject) => {
    const call = request(`${to.url}${path}`, { method, headers, agent: false });
    call.on('error', reject);
    if (asking.hangUpAfterMs !== undefined) setTimeout(() => call.destroy(), asking.hangUpAfterMs);
    void asking.hangUpWhen?.then(() => call.destroy());
    call.on('response', (response) => {
      let received = Buffer.alloc(0);
      const done = (broken: boolean) =>
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          body: received,
          broken,
        });
      response.on('error', () => done(true));
      if (asking.pauseReading === true) return void response.pause();
      response.on('data', (chunk: Buffer) => {
        received = Buffer.concat([received, chunk]);
        if (asking.leaveWhen?.(received) === true) {
          call.destroy();
          done(true);
        }
      });
      response.on('end', () => done(!response.complete));
    });
    call.end(method === 'GET' ? undefined : bytes);
  });
}

export interface SeenRequest {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

export interface ScriptedUpstream {
  readonly url: string;
  readonly seen: SeenRequest[];
  close(): Promise<void>;
}

/** An upstream that answers as one function says. */
export async function scriptedUpstream(
  answer: (response: ServerResponse, seen: SeenRequest) => void,
): Promise<ScriptedUpstream> {
  const seen: SeenRequest[] = [];
  const server = createServer((incoming, response) => {
    const parts: Buffer[] = [];
    incoming.on('data', (part: Buffer) => parts.push(part));
    incoming.on('end', () => {
      const body = Buffer.concat(parts);
      const call = { path: incoming.url ?? '', headers: incoming.headers, body };
      seen.push(call);
      answer(response, call);
    });
  });
  // On a busy machine five seconds pass between two calls, and a connection that is being closed
  // looks as good as one that is not.
  server.keepAliveTimeout = 60_000;
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address: AddressInfo | string | null = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return {
    url: `http://127.0.0.1:${port}`,
    seen,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** Waits until something is true: for what happens after the client has its answer. */
export async function eventually(what: () => boolean, ms = 30_000): Promise<void> {
  const from = performance.now();
  while (!what()) {
    if (performance.now() - from > ms) throw new Error('it never came true');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

export const streamEvents = (
  options: {
    readonly inputTokens?: number;
    readonly outputTokens?: number;
    readonly texts?: string[];
  } = {},
): string[] => {
  const { inputTokens = 25, outputTokens = 15, texts = ['Hello', ' – wörld 🌍'] } = options;
  const event = (type: string, fields: object) =>
    `event: ${type}\ndata: ${JSON.stringify({ type, ...fields })}\n\n`;
  return [
    event('message_start', {
      message: {
        id: 'msg_1',
        type: 'message',
        role: 'assistant',
        content: [],
        model: MODEL,
        stop_reason: null,
        stop_sequence: null,
        usage: { input_tokens: inputTokens, output_tokens: 1 },
      },
    }),
    event('content_block_start', { index: 0, content_block: { type: 'text', text: '' } }),
    event('ping', {}),
    ...texts.map((text) =>
      event('content_block_delta', { index: 0, delta: { type: 'text_delta', text } }),
    ),
    event('content_block_stop', { index: 0 }),
    event('message_delta', {
      delta: { stop_reason: 'end_turn', stop_sequence: null },
      usage: { output_tokens: outputTokens },
    }),
    event('message_stop', {}),
  ];
};
