import { hash } from 'node:crypto';
import { composeAnswer, messageOf } from './answer.ts';
import { readMessagesRequest } from './request.ts';
import { isRecord, readScenario } from './scenario.ts';

type JsonObject = Readonly<Record<string, unknown>>;
type Counted = 'succeeded' | 'errored' | 'canceled' | 'expired';

interface Item {
  readonly customId: string;
  readonly params: unknown;
}

/** How a batch behaves: the header `x-sim-batch: key=value;…` of its creation. */
interface Manner {
  /** How often it is looked at before it has ended. */
  readonly polls: number;
  /** How long it takes at least, in ms. */
  readonly batchMs: number;
  /** How many of its items are done when it is canceled; the rest is canceled. */
  readonly done: number;
  /** How many downloads of its results break off halfway. */
  readonly cuts: number;
}

interface Batch {
  readonly id: string;
  readonly items: readonly Item[];
  readonly manner: Manner;
  readonly version: string;
  readonly createdAt: number;
  looks: number;
  cuts: number;
  canceledAt: number | null;
  endedAt: number | null;
}

/** A call below `/v1/messages/batches`; `rest` is what follows, without its slash. */
export interface BatchCall {
  readonly method: string;
  readonly rest: string;
  readonly body: Buffer;
  readonly version: string;
  /** The header `x-sim-batch`. */
  readonly manner: string | undefined;
  readonly query: URLSearchParams;
}

export type BatchAnswer =
  | { readonly kind: 'json'; readonly body: JsonObject }
  /** `cut`: the connection breaks after half of it. */
  | { readonly kind: 'results'; readonly body: string; readonly cut: boolean }
  | { readonly kind: 'invalid' | 'not_found'; readonly message: string };

const DAY_MS = 86_400_000;
const ITEMS_MAX = 100_000;
const MANNER_KEYS = ['polls', 'batch_ms', 'done', 'cuts'] as const;
const notFound: BatchAnswer = {
  kind: 'not_found',
  message: 'The requested resource could not be found.',
};
const invalid = (message: string): BatchAnswer => ({ kind: 'invalid', message });

/** Message batches in memory. Equal batches get equal results; each has an id of its own. */
export class Batches {
  readonly #batches = new Map<string, Batch>();

  answer(call: BatchCall): BatchAnswer {
    const { method, rest } = call;
    const [id = '', verb = ''] = rest.split('/');
    if (id === '') {
      if (method === 'POST') return this.#create(call.body, call.version, call.manner);
      return method === 'GET' ? this.#list(call.query) : notFound;
    }
    const batch = this.#batches.get(id);
    if (batch === undefined) return notFound;
    switch (`${method} ${verb}`) {
      case 'GET ':
        look(batch);
        return { kind: 'json', body: shown(batch) };
      case 'POST cancel':
        if (batch.endedAt !== null) return invalid(`Batch ${id} has already ended.`);
        batch.canceledAt ??= Date.now();
        return { kind: 'json', body: shown(batch) };
      case 'DELETE ':
        if (batch.endedAt === null) return invalid(`Batch ${id} is still in progress.`);
        this.#batches.delete(id);
        return { kind: 'json', body: { id, type: 'message_batch_deleted' } };
      case 'GET results':
        return batch.endedAt === null ? notFound : downloaded(batch);
      default:
        return notFound;
    }
  }

  #create(body: Buffer, version: string, header: string | undefined): BatchAnswer {
    const items = readItems(body);
    if (typeof items === 'string') return invalid(items);
    const manner = readManner(header);
    if (typeof manner === 'string') return invalid(manner);
    const digest = hash('sha256', body, 'hex').slice(0, 16);
    const id = `msgbatch_sim${digest}${String(this.#batches.size).padStart(6, '0')}`;
    const batch: Batch = {
      ...{ id, items, manner, version, createdAt: Date.now(), looks: 0, cuts: manner.cuts },
      ...{ canceledAt: null, endedAt: null },
    };
    this.#batches.set(id, batch);
    return { kind: 'json', body: shown(batch) };
  }

  #list(query: URLSearchParams): BatchAnswer {
    const newest = [...this.#batches.values()].reverse().map(shown);
    const data = newest.slice(0, Number.parseInt(query.get('limit') ?? '20', 10));
    const ends = { first_id: data[0]?.id ?? null, last_id: data.at(-1)?.id ?? null };
    return { kind: 'json', body: { data, has_more: data.length < newest.length, ...ends } };
  }
}

function readItems(body: Buffer): Item[] | string {
  let value: unknown;
  try {
    value = JSON.parse(body.toString('utf8'));
  } catch {
    return 'The request body is not valid JSON.';
  }
  const requests = isRecord(value) ? value.requests : undefined;
  if (!Array.isArray(requests) || requests.length === 0) return 'requests: Field required';
  if (requests.length > ITEMS_MAX) {
    const told = `${ITEMS_MAX} items after validation, not ${requests.length}`;
    return `requests: List should have at most ${told}`;
  }
  const items: Item[] = [];
  const seen = new Set<string>();
  for (const [index, entry] of requests.entries()) {
    const customId = isRecord(entry) ? entry.custom_id : undefined;
    if (typeof customId !== 'string' || customId === '' || seen.has(customId)) {
      return `requests.${index}.custom_id: Input should be a string of its own`;
    }
    seen.add(customId);
    items.push({ customId, params: isRecord(entry) ? entry.params : undefined });
  }
  return items;
}

function readManner(header: string | undefined): Manner | string {
  const numbers = new Map<string, number>();
  for (const part of (header ?? '').split(';').map((text) => text.trim())) {
    if (part === '') continue;
    const [key = '', value = ''] = part.split('=');
    if (!MANNER_KEYS.some((known) => known === key)) return `x-sim-batch: no key "${key}"`;
    if (!/^\d{1,9}$/.test(value)) return `x-sim-batch: "${key}" must be a whole number`;
    numbers.set(key, Number.parseInt(value, 10));
  }
  return {
    polls: numbers.get('polls') ?? 1,
    batchMs: numbers.get('batch_ms') ?? 0,
    done: numbers.get('done') ?? 0,
    cuts: numbers.get('cuts') ?? 0,
  };
}

/** Time passes by being looked at, so that nobody has to wait for it. */
function look(batch: Batch): void {
  if (batch.endedAt !== null) return;
  const now = Date.now();
  if (batch.canceledAt === null) {
    batch.looks += 1;
    if (batch.looks < batch.manner.polls || now - batch.createdAt < batch.manner.batchMs) return;
  }
  batch.endedAt = now;
}

function shown(batch: Batch): JsonObject {
  const { endedAt, canceledAt, createdAt, items } = batch;
  const time = (at: number | null) => (at === null ? null : new Date(at).toISOString());
  const counts = { processing: 0, succeeded: 0, errored: 0, canceled: 0, expired: 0 };
  if (endedAt === null) counts.processing = items.length;
  else for (const [index] of items.entries()) counts[resultOf(batch, index).counted] += 1;
  return {
    id: batch.id,
    type: 'message_batch',
    processing_status:
      endedAt !== null ? 'ended' : canceledAt === null ? 'in_progress' : 'canceling',
    request_counts: counts,
    created_at: time(createdAt),
    expires_at: time(createdAt + DAY_MS),
    ended_at: time(endedAt),
    cancel_initiated_at: time(canceledAt),
    archived_at: null,
    results_url: endedAt === null ? null : `/v1/messages/batches/${batch.id}/results`,
  };
}

function downloaded(batch: Batch): BatchAnswer {
  const cut = batch.cuts > 0;
  if (cut) batch.cuts -= 1;
  // In an order of its own: results come in any.
  const lines = batch.items
    .map((_, index) => resultOf(batch, index).line)
    .filter((line) => line !== null)
    .reverse();
  return { kind: 'results', body: lines.map((line) => `${line}\n`).join(''), cut };
}

/** The scenario of an item is its `metadata.user_id`, if that begins with `sim:`. */
function scenarioOf(params: unknown): string {
  const metadata = isRecord(params) ? params.metadata : undefined;
  const user = isRecord(metadata) ? metadata.user_id : undefined;
  return typeof user === 'string' && user.startsWith('sim:') ? user.slice('sim:'.length) : 'ok';
}

function resultOf(batch: Batch, index: number): { counted: Counted; line: string | null } {
  const item = batch.items[index];
  if (item === undefined) return { counted: 'errored', line: null };
  const told = (counted: Counted, result: JsonObject) => ({
    counted,
    line: JSON.stringify({ custom_id: item.customId, result: { type: counted, ...result } }),
  });
  const scenario = scenarioOf(item.params);
  if (batch.canceledAt !== null && index >= batch.manner.done) return told('canceled', {});
  // An item the results say nothing of.
  if (scenario === 'missing') return { counted: 'errored', line: null };
  if (scenario === 'expired' || scenario === 'canceled') return told(scenario, {});
  const digest = hash('sha256', `${scenario}\n${JSON.stringify(item)}`, 'hex');
  const failed = (message: string) => {
    const error = { type: 'invalid_request_error', message };
    const request_id = `req_sim${digest.slice(0, 24)}`;
    return told('errored', { error: { type: 'error', error, request_id } });
  };
  if (scenario === 'errored') return failed('The simulator was asked for an error.');
  const body = Buffer.from(JSON.stringify(item.params ?? null));
  const read = readMessagesRequest(body, batch.version, false);
  if (read.kind === 'invalid') return failed(read.message);
  const asked = readScenario(scenario);
  if (asked.kind === 'malformed') return failed(asked.message);
  const answer = composeAnswer(read.request, asked.scenario, digest);
  const usage = answer.usage === null ? null : { ...answer.usage, service_tier: 'batch' };
  return told('succeeded', { message: messageOf({ ...answer, usage }) });
}
