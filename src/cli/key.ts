import { type Answer, done, failed, OPERATOR, parseTime, type System, table } from '#cli/answer';
import { unknownOrganization } from '#cli/organization';
import type { Verbs } from '#cli/verbs';
import { readDeployment } from '#db/deployment';
import { recordAudit } from '#identity/audit';
import {
  type ApiKey,
  changeKey,
  createApiKey,
  type KeyChange,
  listApiKeys,
  mayAddKey,
  organizationOfKey,
} from '#orgs/api-keys';
import { checkKeyEnd, endOfLifetime, isKeyLifetime } from '#orgs/key-expiry';
import type { KeyMoveName, KeyStatus } from '#orgs/key-states';
import { defaultWorkspaceOf, hasWorkspace } from '#orgs/organizations';
import { enableKey, resumeKey } from '#spend-watch/answers';

interface CreateOptions {
  org: string;
  workspace?: string;
  name?: string;
  expires: string;
  admin?: boolean;
}

const keyJson = (key: ApiKey) => ({
  id: key.id,
  name: key.name,
  kind: key.kind,
  workspace_id: key.workspaceId,
  hint: key.hint,
  status: key.status,
  created_at: key.createdAt.toISOString(),
  expires_at: key.expiresAt?.toISOString() ?? null,
});

const NO_END = {
  already_expired: '--expires is in the past: the key would be expired at once.',
  too_late: '--expires is more than ten years away; "never" makes a key without an end.',
} as const;

/** The end of a key that is made now; undefined is never. */
function readEnd(text: string, now: Date): Date | undefined | Answer {
  if (isKeyLifetime(text)) return endOfLifetime(text, now);
  const end = parseTime(text);
  if (end === undefined) {
    const known = '3h, 1d, 7d, 30d, never, or a time such as 2030-01-31';
    return failed('invalid_time', `--expires "${text}" is none of ${known}.`);
  }
  const checked = checkKeyEnd(end, now);
  return checked === 'good' ? end : failed(checked, NO_END[checked]);
}

async function create(system: System, options: CreateOptions): Promise<Answer> {
  const { org: organizationId } = options;
  const refusal = await unknownOrganization(system, organizationId);
  if (refusal !== undefined) return refusal;
  const { pool, entropy, pepper } = system;
  const { now } = await readDeployment(pool);
  const expiresAt = readEnd(options.expires, now);
  if (expiresAt !== undefined && 'outcome' in expiresAt) return expiresAt;
  const workspaceId = options.workspace ?? (await defaultWorkspaceOf(pool, organizationId));
  if (!(await hasWorkspace(pool, organizationId, workspaceId))) {
    return failed('subject_not_found', `${organizationId} has no workspace ${workspaceId}.`);
  }
  if (!(await mayAddKey(pool, organizationId))) {
    return failed('too_many_keys', 'This organization has as many active keys as it may.');
  }
  const { id, key } = await pool.transaction(async (tx) => {
    const made = await createApiKey(
      tx,
      { entropy, pepper },
      {
        organizationId,
        workspaceId,
        name: options.name ?? 'Created by the operator',
        kind: options.admin === true ? 'admin' : 'workspace',
        createdBy: null,
        ...(expiresAt === undefined ? {} : { expiresAt }),
      },
    );
    const who = { organizationId, actor: OPERATOR, subject: made.id, requestId: null };
    await recordAudit(tx, { ...who, action: 'api_key.create' });
    return made;
  });
  return done({ id, key }, `${key}\n(${id}; this is the only time the key is shown)`);
}

const DONE: Readonly<Record<KeyMoveName, string>> = {
  disable: 'is disabled. It can be enabled again',
  enable: 'is enabled',
  pause: 'is paused',
  resume: 'is resumed; its speed is usual from now on',
  revoke: 'is revoked',
};

const IS: Readonly<Record<KeyStatus, string>> = {
  active: 'active',
  inactive: 'disabled',
  paused: 'paused because it spent unusually fast; "key resume" lets it go on',
  revoked: 'revoked for good',
  expired: 'expired: its end was fixed when it was made',
};

const change =
  (move: 'disable' | 'revoke') =>
  async (system: System, id: string): Promise<Answer> => {
    const told = await system.pool.transaction(async (tx) => {
      const moved = await changeKey(tx, move, { id });
      if (moved.outcome === 'done' && moved.moved) {
        const { organizationId } = moved.key;
        const who = { organizationId, actor: OPERATOR, subject: id, requestId: null };
        await recordAudit(tx, { ...who, action: `api_key.${move}` });
      }
      return moved;
    });
    return changed(id, move, told);
  };

function changed(id: string, move: KeyMoveName, told: KeyChange): Answer {
  if (told.outcome === 'unknown_key') return failed('key_not_found', `There is no key ${id}.`);
  if (told.outcome === 'refused') {
    return failed(`key_${told.status}`, `The key ${id} is ${IS[told.status]}.`);
  }
  return done(keyJson(told.key), `${told.key.name} (${told.key.hint}) ${DONE[move]}.`);
}

const letGoOn =
  (move: 'resume' | 'enable') =>
  async (system: System, id: string): Promise<Answer> => {
    const told = await system.pool.transaction(async (tx) => {
      const organizationId = await organizationOfKey(tx, id);
      if (organizationId === undefined) return { outcome: 'unknown_key' } as const;
      const answer = move === 'resume' ? resumeKey : enableKey;
      return answer(tx, { organizationId, id }, { by: OPERATOR, requestId: null });
    });
    return changed(id, move, told);
  };

async function list(system: System, options: { org: string }): Promise<Answer> {
  const refusal = await unknownOrganization(system, options.org);
  if (refusal !== undefined) return refusal;
  const keys = await listApiKeys(system.pool, options.org);
  const rows = keys.map(({ id, status, kind, hint, expiresAt, name }) => [
    ...[id, status, kind, hint],
    expiresAt === null ? 'never expires' : `until ${expiresAt.toISOString()}`,
    name,
  ]);
  const text = rows.length === 0 ? 'There are no keys.' : table(rows);
  return done({ data: keys.map(keyJson) }, text);
}

export function addKeyVerbs({ program, onSystem }: Verbs): void {
  const key = program.command('key').description('API keys');
  key
    .command('create')
    .description('make a key; its text is shown once')
    .requiredOption('--org <id>', 'the organization that pays')
    .option('--workspace <id>', 'default: the default workspace')
    .option('--name <name>', 'what people call it')
    .option(
      '--expires <when>',
      '3h, 1d, 7d, 30d, never, or a time; cannot be changed later',
      'never',
    )
    .option('--admin', 'a key for the Admin API instead of messages')
    .action(onSystem(create));
  key
    .command('list')
    .description('keys of an organization, newest first')
    .requiredOption('--org <id>', 'whose keys')
    .action(onSystem(list));
  key
    .command('disable <id>')
    .description('switch a key off; it can be enabled again')
    .action(onSystem(change('disable')));
  key
    .command('enable <id>')
    .description('switch a disabled key on')
    .action(onSystem(letGoOn('enable')));
  key
    .command('resume <id>')
    .description('let a key go on that was paused because it spent unusually fast')
    .action(onSystem(letGoOn('resume')));
  key
    .command('revoke <id>')
    .description('end a key for good')
    .action(onSystem(change('revoke')));
}
