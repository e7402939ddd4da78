import { InvalidArgumentError } from 'commander';
import { type Answer, done, failed, OPERATOR, type System, table } from '#cli/answer';
import type { Verbs } from '#cli/verbs';
import { recordAudit } from '#identity/audit';
import { type Organization, readOrganization } from '#orgs/organizations';
import { limitWorkspace, readLimitedWorkspaces } from '#orgs/workspace-limits';
import { PER_MINUTE_MAX } from '#rate-limits/bucket';
import { bundledTiers } from '#rate-limits/bundled-tiers';
import { endpointLimits } from '#rate-limits/model-limits';
import { ENDPOINTS, readOverrides } from '#rate-limits/overrides';
import {
  LIMIT_KINDS,
  type LimitKind,
  type Limits,
  limitsOf,
  NO_TIER,
  OTHER_CLASS,
  type TierBook,
  tierOf,
} from '#rate-limits/tiers';

interface SetOptions {
  org: string;
  workspace: string;
  class: string;
  kind: LimitKind;
  perMinute: number | 'none';
}

function perMinute(text: string): number | 'none' {
  if (text === 'none') return text;
  const number = /^\d{1,10}$/.test(text) ? Number.parseInt(text, 10) : 0;
  if (number >= 1 && number <= PER_MINUTE_MAX) return number;
  throw new InvalidArgumentError(`Use a whole number from 1 to ${PER_MINUTE_MAX}, or none.`);
}

function kindOf(text: string): LimitKind {
  const known = LIMIT_KINDS.find((kind) => kind === text);
  if (known === undefined) throw new InvalidArgumentError(`Use ${LIMIT_KINDS.join(', ')}.`);
  return known;
}

const classesOf = (book: TierBook): string[] => [
  ...book.classes.map(({ id }) => id),
  OTHER_CLASS,
  ...ENDPOINTS,
];

/** The tier whose limits an organization has: its own, or the one for everybody. */
const tierNameOf = ({ defaultTier = NO_TIER }: System, { tier }: Organization): string =>
  tier ?? defaultTier;

/** What a tier gives; undefined where it limits nothing. */
function tierLimits(book: TierBook, tier: string, classId: string): Partial<Limits> | undefined {
  const found = tierOf(book, tier);
  if (found === undefined) return undefined;
  const endpoint = ENDPOINTS.find((name) => name === classId);
  return endpoint === undefined ? limitsOf(found, classId) : endpointLimits(found, endpoint);
}

const unknown = (id: string): Answer =>
  failed('organization_not_found', `There is no organization ${id}.`);

async function set(system: System, options: SetOptions): Promise<Answer> {
  const { org: organizationId, workspace: workspaceId, class: classId, kind } = options;
  const organization = await readOrganization(system.pool, organizationId);
  if (organization === undefined) return unknown(organizationId);
  const book = system.tiers ?? bundledTiers;
  const known = classesOf(book);
  if (!known.includes(classId)) {
    return failed('class_not_found', `There is no class ${classId}; use ${known.join(', ')}.`);
  }
  if (ENDPOINTS.some((name) => name === classId) && kind !== 'requests') {
    return failed('kind_not_limited', `Only requests of ${classId} are limited.`);
  }
  const given = options.perMinute === 'none' ? null : options.perMinute;
  const tier = tierNameOf(system, organization);
  const most = tierLimits(book, tier, classId)?.[kind];
  if (given !== null && most !== undefined && given > most) {
    return failed('above_tier', `The tier ${tier} gives ${most} a minute.`);
  }
  const found = await system.pool.transaction(async (tx) => {
    const limit = { classId, kind, perMinute: given };
    const changed = await limitWorkspace(tx, { organizationId, workspaceId }, limit);
    if (!changed) return false;
    const reason = `${classId} ${kind} ${given ?? 'none'}`;
    const event = { organizationId, actor: OPERATOR, action: 'rate_limit.set' } as const;
    await recordAudit(tx, { ...event, subject: workspaceId, reason, requestId: null });
    return true;
  });
  if (!found) {
    return failed('subject_not_found', `${organizationId} has no workspace ${workspaceId}.`);
  }
  const json = { workspace_id: workspaceId, class: classId, type: kind, value: given };
  const text = given === null ? 'no limit of its own' : `${given} a minute`;
  return done(json, `${workspaceId}: ${kind} of ${classId}: ${text}`);
}

async function list(system: System, options: { org: string }): Promise<Answer> {
  const organization = await readOrganization(system.pool, options.org);
  if (organization === undefined) return unknown(options.org);
  const book = system.tiers ?? bundledTiers;
  const tier = tierNameOf(system, organization);
  const limited = await readLimitedWorkspaces(system.pool, options.org);
  const subjects = [
    { id: options.org, of: (classId: string) => tierLimits(book, tier, classId) },
    ...limited.map(({ id, rateLimits }) => {
      const overrides = readOverrides(rateLimits);
      return { id, of: (classId: string) => overrides.get(classId) };
    }),
  ];
  const data = subjects.flatMap(({ id, of }) =>
    classesOf(book).flatMap((classId) =>
      LIMIT_KINDS.flatMap((kind) => {
        const value = of(classId)?.[kind];
        return value === undefined ? [] : [{ subject_id: id, class: classId, type: kind, value }];
      }),
    ),
  );
  const rows = data.map((row) => [row.subject_id, row.class, row.type, String(row.value)]);
  const told = { tier: organization.tier, applies: tier, data };
  return done(told, rows.length === 0 ? 'no limits' : table(rows));
}

export function addRateLimitVerbs({ program, onSystem }: Verbs): void {
  const limit = program.command('rate-limit').description('limits per minute, by class of models');
  limit
    .command('set')
    .description('limit a workspace to less than its organization has')
    .requiredOption('--org <id>', 'whose')
    .requiredOption('--workspace <id>', 'limit this workspace')
    .requiredOption('--class <id>', `a class of models, or ${ENDPOINTS.join(', ')}`)
    .requiredOption('--kind <kind>', LIMIT_KINDS.join(', '), kindOf)
    .requiredOption('--per-minute <number>', 'none removes it', perMinute)
    .action(onSystem(set));
  limit
    .command('list')
    .description('what its tier gives an organization, and what its workspaces are limited to')
    .requiredOption('--org <id>', 'whose')
    .action(onSystem(list));
}
