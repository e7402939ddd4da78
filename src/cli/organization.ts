import { type Answer, done, failed, OPERATOR, type System, table } from '#cli/answer';
import type { Verbs } from '#cli/verbs';
import { recordAudit } from '#identity/audit';
import {
  createOrganization,
  listOrganizations,
  type Organization,
  readOrganization,
  setOrganizationStatus,
} from '#orgs/organizations';

const organizationJson = (organization: Organization) => ({
  id: organization.id,
  name: organization.name,
  status: organization.status,
  created_at: organization.createdAt.toISOString(),
});

/** The refusal every verb with `--org` shares; undefined if there is such an organization. */
export async function unknownOrganization(system: System, id: string): Promise<Answer | undefined> {
  if ((await readOrganization(system.pool, id)) !== undefined) return undefined;
  return failed('organization_not_found', `There is no organization ${id}.`);
}

const NAME_LENGTH_MAX = 200;
/** A name is shown on one line, in tables and on documents. */
const CONTROL = /\p{Cc}/u;
const EMAIL = /^[^\s@<>]{1,64}@[^\s@<>]{1,189}$/;

async function create(
  system: System,
  name: string,
  options: { ownerEmail?: string },
): Promise<Answer> {
  const trimmed = name.trim();
  if (trimmed === '' || trimmed.length > NAME_LENGTH_MAX) {
    return failed('invalid_name', `A name has 1 to ${NAME_LENGTH_MAX} characters.`);
  }
  const control = CONTROL.exec(trimmed)?.[0].charCodeAt(0);
  if (control !== undefined) {
    const which = `U+${control.toString(16).toUpperCase().padStart(4, '0')}`;
    return failed('invalid_name', `A name has no control characters; this one has ${which}.`);
  }
  const { ownerEmail } = options;
  if (ownerEmail !== undefined && !EMAIL.test(ownerEmail)) {
    return failed('invalid_email', `"${ownerEmail}" is not an e-mail address.`);
  }
  const input = { name: trimmed, ...(ownerEmail === undefined ? {} : { ownerEmail }) };
  const { organizationId, workspaceId } = await system.pool.transaction((tx) =>
    createOrganization(tx, system.entropy, input),
  );
  const json = { id: organizationId, name: trimmed, workspace_id: workspaceId };
  return done(json, `${organizationId}  ${trimmed}`);
}

async function list(system: System): Promise<Answer> {
  const organizations = await listOrganizations(system.pool);
  const rows = organizations.map(({ id, name, status }) => [id, status, name]);
  return done({ data: organizations.map(organizationJson) }, table(rows));
}

const setStatus =
  (status: 'active' | 'suspended') =>
  async (system: System, id: string, options: { reason?: string } = {}): Promise<Answer> => {
    const { reason } = options;
    const organization = await system.pool.transaction(async (tx) => {
      const changed = await setOrganizationStatus(tx, id, status);
      if (changed === undefined) return undefined;
      const action = status === 'suspended' ? 'organization.suspend' : 'organization.resume';
      const why = reason === undefined ? {} : { reason };
      const event = { organizationId: id, actor: OPERATOR, action, subject: id, ...why } as const;
      await recordAudit(tx, { ...event, requestId: null });
      return changed;
    });
    if (organization === undefined) {
      return failed('organization_not_found', `There is no organization ${id}.`);
    }
    const why = reason === undefined ? '' : ` (${reason})`;
    return done(organizationJson(organization), `${organization.name} is ${status}${why}.`);
  };

export function addOrganizationVerbs({ program, onSystem }: Verbs): void {
  const org = program.command('org').description('organizations');
  org
    .command('create <name>')
    .description('make an organization with its default workspace')
    .option('--owner-email <address>', 'the person who becomes its first admin')
    .action(onSystem(create));
  org.command('list').description('every organization').action(onSystem(list));
  org
    .command('suspend <id>')
    .description('refuse its requests from now on; its credit stays')
    .option('--reason <text>', 'kept in the audit trail')
    .action(onSystem(setStatus('suspended')));
  org
    .command('resume <id>')
    .description('serve it again')
    .action(onSystem(setStatus('active')));
}
