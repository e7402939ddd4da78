import { type Answer, done, failed, OPERATOR, type System, table } from '#cli/answer';
import { readName, unknownOrganization } from '#cli/organization';
import type { Verbs } from '#cli/verbs';
import { recordAudit } from '#identity/audit';
import { createWorkspace, listWorkspaces, WORKSPACES_MAX, type Workspace } from '#orgs/workspaces';

const workspaceJson = (workspace: Workspace) => ({
  id: workspace.id,
  name: workspace.name,
  is_default: workspace.isDefault,
  created_at: workspace.createdAt.toISOString(),
});

async function list(system: System, options: { org: string }): Promise<Answer> {
  const refusal = await unknownOrganization(system, options.org);
  if (refusal !== undefined) return refusal;
  const workspaces = await listWorkspaces(system.pool, options.org);
  const rows = workspaces.map(({ id, name, isDefault }) => [id, isDefault ? 'default' : '', name]);
  return done({ data: workspaces.map(workspaceJson) }, table(rows));
}

async function create(system: System, text: string, options: { org: string }): Promise<Answer> {
  const { org: organizationId } = options;
  const refusal = await unknownOrganization(system, organizationId);
  if (refusal !== undefined) return refusal;
  const name = readName(text);
  if (typeof name !== 'string') return name;
  const told = await system.pool.transaction(async (tx) => {
    const created = await createWorkspace(tx, system.entropy, { organizationId, name });
    if (created.outcome === 'created') {
      const who = { organizationId, actor: OPERATOR, subject: created.workspace.id };
      await recordAudit(tx, { ...who, action: 'workspace.create', requestId: null });
    }
    return created;
  });
  if (told.outcome === 'too_many') {
    const most = `An organization has at most ${WORKSPACES_MAX} workspaces.`;
    return failed('too_many_workspaces', most);
  }
  return done(workspaceJson(told.workspace), `${told.workspace.id}  ${name}`);
}

export function addWorkspaceVerbs({ program, onSystem }: Verbs): void {
  const workspace = program.command('workspace').description('parts of an organization');
  workspace
    .command('list')
    .description('every workspace of an organization, the default one first')
    .requiredOption('--org <id>', 'whose')
    .action(onSystem(list));
  workspace
    .command('create <name>')
    .description('one more workspace, whose keys pay from the same credit')
    .requiredOption('--org <id>', 'whose')
    .action(onSystem(create));
}
