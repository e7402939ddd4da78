/** Roles as people call them. Which role may do what is the server's table, not this one. */
const ROLE_NAMES: Readonly<Record<string, string>> = {
  user: 'User',
  claude_code_user: 'Claude Code user',
  limited_developer: 'Limited developer',
  developer: 'Developer',
  billing: 'Billing',
  admin: 'Admin',
};

export const roleName = (role: string | null) =>
  role === null ? 'No role' : (ROLE_NAMES[role] ?? role);
