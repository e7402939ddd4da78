import { type Answer, done, failed, parseTime, type System } from '#cli/answer';
import { unknownOrganization } from '#cli/organization';
import type { Verbs } from '#cli/verbs';
import { readDeployment } from '#db/deployment';
import { type ApiKey, createApiKey, mayAddKey, revokeApiKey } from '#orgs/api-keys';
import { defaultWorkspaceOf } from '#orgs/organizations';

interface CreateOptions {
  org: string;
  workspace?: string;
  name?: string;
  expires?: string;
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

async function create(system: System, options: CreateOptions): Promise<Answer> {
  const refusal = await unknownOrganization(system, options.org);
  if (refusal !== undefined) return refusal;
  const expiresAt = options.expires === undefined ? undefined : parseTime(options.expires);
  if (options.expires !== undefined && expiresAt === undefined) {
    return failed('invalid_time', `"${options.expires}" is not a time such as 2030-01-31.`);
  }
  const { now } = await readDeployment(system.pool);
  if (expiresAt !== undefined && expiresAt <= now) {
    return failed('already_expired', 'The key would be expired at once.');
  }
  const { pool, entropy, pepper } = system;
  const workspaceId = options.workspace ?? (await defaultWorkspaceOf(pool, options.org));
  if (!(await mayAddKey(pool, options.org))) {
    return failed('too_many_keys', 'This organization has as many active keys as it may.');
  }
  const { id, key } = await pool.transaction((tx) =>
    createApiKey(
      tx,
      { entropy, pepper },
      {
        organizationId: options.org,
        workspaceId,
        name: options.name ?? 'Created by the operator',
        kind: options.admin === true ? 'admin' : 'workspace',
        createdBy: null,
        ...(expiresAt === undefined ? {} : { expiresAt }),
      },
    ),
  );
  return done({ id, key }, `${key}\n(${id}; this is the only time the key is shown)`);
}

async function revoke(system: System, id: string): Promise<Answer> {
  const key = await revokeApiKey(system.pool, { id });
  if (key === undefined) return failed('key_not_found', `There is no key ${id}.`);
  return done(keyJson(key), `${key.name} (${key.hint}) is revoked.`);
}

export function addKeyVerbs({ program, onSystem }: Verbs): void {
  const key = program.command('key').description('API keys');
  key
    .command('create')
    .description('make a key; its text is shown once')
    .requiredOption('--org <id>', 'the organization that pays')
    .option('--workspace <id>', 'default: the default workspace')
    .option('--name <name>', 'what people call it')
    .option('--expires <time>', 'default: never')
    .option('--admin', 'a key for the Admin API instead of messages')
    .action(onSystem(create));
  key.command('revoke <id>').description('end a key for good').action(onSystem(revoke));
}
