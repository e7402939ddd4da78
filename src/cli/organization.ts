import { InvalidArgumentError } from 'commander';
import { type Answer, done, failed, OPERATOR, type System, table } from '#cli/answer';
import type { Verbs } from '#cli/verbs';
import { recordAudit } from '#identity/audit';
import { HOLD_POLICIES, type HoldPolicy, readHoldPolicy, setHoldPolicy } from '#orgs/hold-policy';
import {
  createOrganization,
  listOrganizations,
  type Organization,
  readOrganization,
  setOrganizationStatus,
  setOrganizationTier,
} from '#orgs/organizations';
import { bundledTiers } from '#rate-limits/bundled-tiers';
import { NO_TIER } from '#rate-limits/tiers';

const organizationJson = (organization: Organization) => ({
  id: organization.id,
  name: organization.name,
  status: organization.status,
  tier: organization.tier,
  workspace_id: organization.defaultWorkspaceId,
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

/** Of an organization or a workspace: as it is kept, or why not. */
export function readName(text: string): string | Answer {
  const name = text.trim();
  if (name === '' || name.length > NAME_LENGTH_MAX) {
    return failed('invalid_name', `A name has 1 to ${NAME_LENGTH_MAX} characters.`);
  }
  const control = CONTROL.exec(name)?.[0].charCodeAt(0);
  if (control === undefined) return name;
  const which = `U+${control.toString(16).toUpperCase().padStart(4, '0')}`;
  return failed('invalid_name', `A name has no control characters; this one has ${which}.`);
}

const EMAIL = /^[^\s@<>]{1,64}@[^\s@<>]{1,189}$/;

async function create(
  system: System,
  name: string,
  options: { ownerEmail?: string },
): Promise<Answer> {
  const trimmed = readName(name);
  if (typeof trimmed !== 'string') return trimmed;
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
  const rows = organizations.map((one) => [one.id, one.status, one.defaultWorkspaceId, one.name]);
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

function policy(text: string): HoldPolicy {
  const known = HOLD_POLICIES.find((name) => name === text);
  if (known === undefined) throw new InvalidArgumentError(`Use ${HOLD_POLICIES.join(', ')}.`);
  return known;
}

const HELD: Readonly<Record<HoldPolicy, string>> = {
  auto: 'all a request can cost; of a stream that the credit does not cover, a slice at a time',
  full: 'all a request can cost, and what is not covered is refused',
  sliced: 'of a stream a slice at a time, of any other request all it can cost',
};

async function holds(
  system: System,
  id: string,
  options: { policy?: HoldPolicy },
): Promise<Answer> {
  const { policy: wanted } = options;
  const held = await system.pool.transaction(async (tx) => {
    if (wanted === undefined) return await readHoldPolicy(tx, id);
    const changed = await setHoldPolicy(tx, id, wanted);
    if (changed === undefined) return undefined;
    const action = 'organization.hold_policy';
    const event = { organizationId: id, actor: OPERATOR, action, subject: id } as const;
    await recordAudit(tx, { ...event, reason: wanted, requestId: null });
    return changed;
  });
  if (held === undefined) {
    return failed('organization_not_found', `There is no organization ${id}.`);
  }
  return done({ id, hold_policy: held }, `${id} ${held}: held is ${HELD[held]}.`);
}

/** Takes a tier away, so that BURSAR_DEFAULT_TIER decides again. */
const STANDARD = 'default';

/** Which limits it has, whether by a tier of its own or by the one for everybody. */
const tierText = ({ name, tier }: Organization, standard: string): string =>
  tier === null
    ? `${name} has no tier of its own, so ${standard} applies, the default.`
    : `${name} is in tier ${tier}.`;

async function tier(system: System, id: string, options: { tier?: string }): Promise<Answer> {
  const { tier: wanted } = options;
  const organization =
    wanted === undefined
      ? await readOrganization(system.pool, id)
      : await setTier(system, id, wanted);
  if (organization === undefined) {
    return failed('organization_not_found', `There is no organization ${id}.`);
  }
  if ('outcome' in organization) return organization;
  const standard = system.defaultTier ?? NO_TIER;
  const json = { ...organizationJson(organization), applies: organization.tier ?? standard };
  return done(json, tierText(organization, standard));
}

async function setTier(
  system: System,
  id: string,
  wanted: string,
): Promise<Organization | Answer | undefined> {
  const known = (system.tiers ?? bundledTiers).tiers.map(({ name }) => name);
  const choices = [...known, NO_TIER, STANDARD];
  if (!choices.includes(wanted)) {
    const file = 'Tiers of your own are known where BURSAR_TIERS_FILE is set.';
    return failed(
      'tier_not_found',
      `There is no tier ${wanted}; use ${choices.join(', ')}. ${file}`,
    );
  }
  return await system.pool.transaction(async (tx) => {
    const changed = await setOrganizationTier(tx, id, wanted === STANDARD ? null : wanted);
    if (changed === undefined) return undefined;
    const action = 'organization.tier';
    const event = { organizationId: id, actor: OPERATOR, action, subject: id } as const;
    await recordAudit(tx, { ...event, reason: wanted, requestId: null });
    return changed;
  });
}

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
  org
    .command('holds <id>')
    .description('what is held before a request is sent')
    .option('--policy <policy>', `change it: ${HOLD_POLICIES.join(', ')}`, policy)
    .action(onSystem(holds));
  org
    .command('tier <id>')
    .description('which rate limits it has; a change holds from its next requests on')
    .option('--tier <name>', 'change it: start, build, scale, one of your own, none or default')
    .action(onSystem(tier));
}
