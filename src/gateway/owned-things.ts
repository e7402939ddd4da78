import type { preHandlerHookHandler } from 'fastify';
import { BATCHES_PATH } from '#gateway/batch-upstream';
import { callerOf, sendRefusal } from '#gateway/guard';
import { STORE_MS, within } from '#gateway/in-time';
import type { ThingOwners } from '#gateway/made-notes';
import { mayName, type NamedThings, namedIn, nothingNamed } from '#gateway/named-things';
import { type Refused, refused } from '#gateway/refused';
import { parseStrict } from '#metering/strict-json';
import type { ContainerOwners } from '#orgs/containers';
import type { FileScope } from '#orgs/files';

/** Where nobody notes whose they are, they are nobody's. */
export const noContainers: ContainerOwners = {
  record: async () => {},
  owned: async () => new Set(),
};

/**
 * The upstream would read any file of the operator's account for us, and run in any container of it.
 * So a body may name only what is of its own workspace; the rest is not found, as if it were not
 * there. Items of a batch are read one by one where it is created.
 */
export const ownThingsOnly = (owners: ThingOwners): preHandlerHookHandler =>
  function checkThings(request, reply, done) {
    const { body } = request;
    if (!Buffer.isBuffer(body) || request.routeOptions.url === BATCHES_PATH) return done();
    if (!mayName(body)) return done();
    void foreignThing(owners, callerOf(request), body).then((refusal) => {
      if (refusal === undefined) return done();
      const { code, message } = refusal;
      sendRefusal(request, reply, code, message === undefined ? {} : { message });
    });
  };

/** Why the body may not go on. Never rejects. */
async function foreignThing(
  owners: ThingOwners,
  scope: FileScope,
  body: Buffer,
): Promise<Refused | undefined> {
  const read = parseStrict(body);
  if (read.outcome === 'invalid') return refused('invalid_request', read.message);
  const named = nothingNamed();
  namedIn(read.value, named);
  const foreign = await foreignOf(owners, scope, named);
  if (foreign === 'unknown') return refused('ledger_unavailable');
  return foreign === undefined ? undefined : refused('not_found', foreign);
}

const ASKED_AT_ONCE = 1_000;

/** Which of them is not of the workspace; `unknown` if the store does not say. Never rejects. */
export async function foreignOf(
  { files, containers }: ThingOwners,
  scope: FileScope,
  named: NamedThings,
): Promise<string | 'unknown' | undefined> {
  // There is no way to make one here: it is the operator's, or of nobody.
  const [skill] = named.skills;
  if (skill !== undefined) return `skill_id: ${skill}`;
  try {
    for (const [kind, owners, ids] of [
      ['container', containers, [...named.containers]],
      ['file_id', files, [...named.files]],
    ] as const) {
      for (let from = 0; from < ids.length; from += ASKED_AT_ONCE) {
        const part = ids.slice(from, from + ASKED_AT_ONCE);
        const owned = await within(owners.owned(scope, part), STORE_MS);
        const foreign = part.find((id) => !owned.has(id));
        if (foreign !== undefined) return `${kind}: ${foreign}`;
      }
    }
    return undefined;
  } catch {
    return 'unknown';
  }
}
