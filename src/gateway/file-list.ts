import type { FastifyReply, FastifyRequest } from 'fastify';
import { answered, callOf, jsonOf, show } from '#gateway/file-relay';
import { callerOf, sendRefusal } from '#gateway/guard';
import { STORE_MS, within } from '#gateway/in-time';
import type { Upstream } from '#gateway/upstream';
import { isObject } from '#kernel/json';
import type { FileOwners, FilePage, FilePosition } from '#orgs/files';

export const FILE_ID = /^[A-Za-z0-9_-]{1,200}$/;
export const PAGE_MAX = 100;

export interface FilesOf {
  readonly upstream: Upstream;
  readonly owners: FileOwners;
}

export interface Listing {
  readonly limit: number;
  readonly page?: string | undefined;
  readonly ids?: string | readonly string[] | undefined;
  readonly 'ids[]'?: string | readonly string[] | undefined;
}

/** The upstream is asked for the caller's files by their ids, so it can name no others. */
export async function listFiles(
  deps: FilesOf,
  request: FastifyRequest,
  reply: FastifyReply,
  query: Listing,
): Promise<FastifyReply> {
  const from = query.page === undefined ? undefined : positionOf(query.page);
  if (from === null) {
    return sendRefusal(request, reply, 'invalid_request', { message: 'page: no such page' });
  }
  const page = await within(pageOf(deps, request, query, from), STORE_MS).catch(() => undefined);
  if (page === undefined) return sendRefusal(request, reply, 'ledger_unavailable');
  const next_page = page.next === null ? null : pageToken(page.next);
  if (page.ids.length === 0) return reply.send({ data: [], next_page });
  const named = page.ids.map((id) => `&ids[]=${id}`).join('');
  const path = `/v1/files?limit=${page.ids.length}${named}`;
  const answer = await answered(deps.upstream, callOf(request, 'GET', path));
  if (answer.outcome !== 'answered' || answer.status !== 200) return show(request, reply, answer);
  const listed = jsonOf(answer.body);
  if (!isObject(listed) || !Array.isArray(listed.data)) {
    return sendRefusal(request, reply, 'upstream_malformed');
  }
  const files = new Map<unknown, unknown>();
  for (const file of listed.data) if (isObject(file)) files.set(file.id, file);
  const data = page.ids.map((id) => files.get(id)).filter((file) => file !== undefined);
  return reply.send({ data, next_page });
}

async function pageOf(
  { owners }: FilesOf,
  request: FastifyRequest,
  query: Listing,
  from: FilePosition | undefined,
): Promise<FilePage> {
  const caller = callerOf(request);
  const wanted = query['ids[]'] ?? query.ids;
  const limit = Math.min(query.limit, PAGE_MAX);
  if (wanted === undefined) return await owners.page(caller, from, limit);
  const named = [...new Set([wanted].flat())];
  const owned = await owners.owned(caller, named);
  return { ids: named.filter((id) => owned.has(id)), next: null };
}

const pageToken = ({ at, id }: FilePosition): string =>
  Buffer.from(`${at.toISOString()} ${id}`).toString('base64url');

/** Null if it is no token of ours. */
function positionOf(token: string): FilePosition | null {
  const [time = '', id = ''] = Buffer.from(token, 'base64url').toString().split(' ');
  const at = new Date(time);
  return Number.isNaN(at.getTime()) || !FILE_ID.test(id) ? null : { at, id };
}
