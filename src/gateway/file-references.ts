import type { preHandlerHookHandler } from 'fastify';
import { callerOf, sendRefusal } from '#gateway/guard';
import { STORE_MS, within } from '#gateway/in-time';
import { type Refused, refused } from '#gateway/refused';
import { isObject } from '#kernel/json';
import { parseStrict } from '#metering/strict-json';
import type { FileOwners, FileScope } from '#orgs/files';

/**
 * Any spelling of a "file_id" key: JSON may escape every letter of it. A body without one is not
 * parsed here.
 */
const FILE_ID = new RegExp(
  [...'file_id']
    .map((letter) => {
      const code = letter.charCodeAt(0).toString(16);
      const [high = '', low = ''] = code;
      const digits = `${high}[${low}${low.toUpperCase()}]`;
      return `(?:${letter}|\\\\u00${digits})`;
    })
    .join(''),
);

/**
 * The upstream would read any file of the operator's account for us. So a body may name only files
 * of its own workspace; others are not found, as if they were not there.
 */
export const ownFilesOnly = (owners: FileOwners): preHandlerHookHandler =>
  function checkFiles(request, reply, done) {
    const { body } = request;
    if (!Buffer.isBuffer(body) || !mayNameFiles(body)) return done();
    void foreignFile(owners, callerOf(request), body).then((refusal) => {
      if (refusal === undefined) return done();
      const { code, message } = refusal;
      sendRefusal(request, reply, code, message === undefined ? {} : { message });
    });
  };

/** Most bodies hold neither the word nor the beginning of an escaped letter: no copy for them. */
const mayNameFiles = (body: Buffer): boolean =>
  (body.includes('file_id') || body.includes('\\u00')) && FILE_ID.test(body.toString('latin1'));

/** Why the body may not go on. Never rejects. */
async function foreignFile(
  owners: FileOwners,
  scope: FileScope,
  body: Buffer,
): Promise<Refused | undefined> {
  const read = parseStrict(body);
  if (read.outcome === 'invalid') return refused('invalid_request', read.message);
  const ids = namedFiles(read.value);
  if (ids.length === 0) return undefined;
  const owned = await within(owners.owned(scope, ids), STORE_MS).catch(() => undefined);
  if (owned === undefined) return refused('ledger_unavailable');
  const foreign = ids.find((id) => !owned.has(id));
  return foreign === undefined ? undefined : refused('not_found', `file_id: ${foreign}`);
}

/** Whatever is under a key "file_id", at any depth. */
function namedFiles(body: unknown): string[] {
  const found = new Set<string>();
  const waiting: unknown[] = [body];
  while (waiting.length > 0) {
    const next = waiting.pop();
    if (Array.isArray(next)) for (const item of next) waiting.push(item);
    if (!isObject(next)) continue;
    for (const [key, value] of Object.entries(next)) {
      // What a model gave a tool of the customer's is for that tool to read.
      if (key === 'input' && next.type === 'tool_use') continue;
      if (key === 'file_id' && typeof value === 'string') found.add(value);
      else waiting.push(value);
    }
  }
  return [...found];
}
