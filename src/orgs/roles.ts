/** Roles of an organization, from the least to the most trusted. Persisted: never renamed. */
export const ROLES = [
  'user',
  'claude_code_user',
  'limited_developer',
  'developer',
  'billing',
  'admin',
] as const;

export type Role = (typeof ROLES)[number];

/**
 * The one policy: ability → roles that have it. Routes refuse by it and pages hide by it, so the
 * two cannot disagree. An ability that is not listed here does not exist.
 */
export const ROLE_ABILITIES = {
  'playground.use': [
    'user',
    'claude_code_user',
    'limited_developer',
    'developer',
    'billing',
    'admin',
  ],
  'keys.manage': ['limited_developer', 'developer', 'admin'],
  'usage.view': ['limited_developer', 'developer', 'billing', 'admin'],
  'billing.view': ['limited_developer', 'developer', 'billing', 'admin'],
  'billing.buy': ['billing', 'admin'],
  'members.manage': ['admin'],
  'limits.manage': ['admin'],
  'webhooks.manage': ['admin'],
} as const satisfies Record<string, readonly Role[]>;

export type Ability = keyof typeof ROLE_ABILITIES;

/** A person reads these in "ask someone with the role …". */
export const ROLE_NAMES: Record<Role, string> = {
  user: 'User',
  claude_code_user: 'Claude Code User',
  limited_developer: 'Limited Developer',
  developer: 'Developer',
  billing: 'Billing',
  admin: 'Admin',
};

const holders = (ability: Ability): readonly Role[] => ROLE_ABILITIES[ability];

export const may = (role: Role, ability: Ability): boolean => holders(ability).includes(role);

export const abilitiesOf = (role: Role): Ability[] => {
  const all: Ability[] = [
    'playground.use',
    'keys.manage',
    'usage.view',
    'billing.view',
    'billing.buy',
    'members.manage',
    'limits.manage',
    'webhooks.manage',
  ];
  return all.filter((ability) => may(role, ability));
};

/** "Admin or Billing": who to ask, the most trusted first. */
export function whoMay(ability: Ability): string {
  const names = [...holders(ability)].reverse().map((role) => ROLE_NAMES[role]);
  const last = names.pop() ?? '';
  return names.length === 0 ? last : `${names.join(', ')} or ${last}`;
}

export const parseRole = (text: string): Role | undefined => ROLES.find((role) => role === text);
