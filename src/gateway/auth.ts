import { hash } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { STORE_MS, within } from '#gateway/in-time';
import type { RefusalCode } from '#http/wire-errors';
import { Fault } from '#kernel/assert';
import type { Clock } from '#kernel/clock';
import {
  type ApiKeyId,
  type Id,
  type IdKind,
  type OrganizationId,
  parseId,
  type WorkspaceId,
} from '#kernel/ids';
import type { NanoUsd } from '#kernel/money';
import { digestKey, keyShapeOk } from '#orgs/api-keys';
import type { HoldPolicy } from '#orgs/hold-policy';
import type { FoundKey } from '#orgs/key-lookup';
import { type Overrides, readOverrides } from '#rate-limits/overrides';

/** Who calls, as the key says: the key is bound to one workspace of one organization. */
export interface Caller {
  readonly organizationId: OrganizationId;
  readonly workspaceId: WorkspaceId;
  readonly apiKeyId: ApiKeyId;
  readonly kind: FoundKey['kind'];
  /** How much is held for a stream before it begins; absent for `auto`. */
  readonly holdPolicy?: HoldPolicy;
  /** Of its organization; null or absent for the standard one. */
  readonly tier?: string | null;
  /** The monthly cap that is enforced for its tier; null or absent if none is. */
  readonly tierCap?: NanoUsd | null;
  /** Rate limits its workspace has of its own. */
  readonly workspaceLimits?: Overrides;
}

export type Authentication =
  | { readonly outcome: 'authenticated'; readonly caller: Caller }
  | {
      readonly outcome: 'refused';
      readonly code: RefusalCode;
      readonly details?: Readonly<Record<string, unknown>>;
    };

export interface KeyDoor {
  /** Whose key the headers carry, or the refusal. Never rejects. */
  authenticate(headers: IncomingHttpHeaders): Promise<Authentication>;
  /** Drops what is remembered of a key the ledger has just found revoked or expired. */
  forget(caller: Caller): void;
}

export interface KeyDoorDeps {
  readonly find: (digest: Buffer) => Promise<FoundKey | undefined>;
  readonly pepper: Buffer;
  /** Where a person resumes a paused key. */
  readonly keysUrl?: string;
  readonly clock: Clock;
  readonly onLookupFailed: (error: unknown) => void;
}

// How long what was found of a good key is believed, counted from when it was asked for. A key that
// is revoked, disabled or expired is refused within a second, by every process and on every route;
// it buys nothing even before, because the statement that takes the hold checks again.
const REMEMBER_MS = 900;
// Half-way, whoever uses the key has it looked up again behind their back: a key in steady use is
// never waited for.
const RENEW_MS = 450;
const REMEMBERED_MAX = 10_000;

const invalid: Authentication = { outcome: 'refused', code: 'invalid_api_key' };
const unavailable: Authentication = { outcome: 'refused', code: 'ledger_unavailable' };
const suspended: Authentication = { outcome: 'refused', code: 'organization_suspended' };

const pausedKey = (keysUrl: string | undefined): Authentication => ({
  outcome: 'refused',
  code: 'api_key_paused',
  ...(keysUrl === undefined ? {} : { details: { keys_url: keysUrl } }),
});

interface Remembered {
  readonly answer: Authentication & { readonly outcome: 'authenticated' };
  readonly askedMs: number;
}

export function keyDoor(deps: KeyDoorDeps): KeyDoor {
  const remembered = new Map<string, Remembered>();
  // Lookups under way, so that a burst of one key asks the store once.
  const asking = new Map<string, Promise<Authentication>>();

  async function look(text: string, name: string): Promise<Authentication> {
    const askedMs = deps.clock.elapsedMs();
    try {
      const found = await within(deps.find(digestKey(deps.pepper, text)), STORE_MS);
      remembered.delete(name);
      if (found?.status === 'paused') return pausedKey(deps.keysUrl);
      if (found === undefined || found.status !== 'active') return invalid;
      if (found.organizationStatus === 'suspended') return suspended;
      const answer = { outcome: 'authenticated', caller: callerOf(found) } as const;
      if (remembered.size >= REMEMBERED_MAX) remembered.clear();
      remembered.set(name, { answer, askedMs });
      return answer;
    } catch (error) {
      deps.onLookupFailed(error);
      return unavailable;
    } finally {
      asking.delete(name);
    }
  }

  function ask(text: string, name: string): Promise<Authentication> {
    const underWay = asking.get(name);
    if (underWay !== undefined) return underWay;
    const answer = look(text, name);
    asking.set(name, answer);
    return answer;
  }

  return {
    async authenticate(headers) {
      const text = presentedKey(headers);
      if (text === undefined || !keyShapeOk(text)) return invalid;
      // Names a key in memory without keeping it; the peppered digest costs five times as much.
      const name = hash('sha256', text, 'base64');
      const known = remembered.get(name);
      if (known === undefined) return ask(text, name);
      const age = deps.clock.elapsedMs() - known.askedMs;
      if (age >= REMEMBER_MS) return ask(text, name);
      if (age >= RENEW_MS) void ask(text, name);
      return known.answer;
    },
    forget(caller) {
      for (const [name, { answer }] of remembered) {
        if (answer.caller.apiKeyId === caller.apiKeyId) remembered.delete(name);
      }
    },
  };
}

function callerOf(key: FoundKey): Caller {
  return {
    organizationId: stored('organization', key.organizationId),
    workspaceId: stored('workspace', key.workspaceId),
    apiKeyId: stored('apiKey', key.apiKeyId),
    kind: key.kind,
    holdPolicy: key.holdPolicy ?? 'auto',
    tier: key.tier ?? null,
    tierCap: key.tierCap ?? null,
    workspaceLimits: readOverrides(key.workspaceLimits),
  };
}

function stored<K extends IdKind>(kind: K, text: string): Id<K> {
  const id = parseId(kind, text);
  if (id === undefined) throw new Fault(`a stored key has an odd ${kind} id`);
  return id;
}

function presentedKey(headers: IncomingHttpHeaders): string | undefined {
  const direct = headers['x-api-key'];
  if (typeof direct === 'string' && direct !== '') return direct;
  return /^bearer +(\S+)$/i.exec(headers.authorization ?? '')?.[1];
}
