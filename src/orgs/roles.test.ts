import { expect, test } from 'vitest';
import { type Ability, abilitiesOf, may, ROLE_ABILITIES, ROLES, whoMay } from '#orgs/roles';

const every: readonly Ability[] = abilitiesOf('admin');

test('an admin may do everything there is', () => {
  expect([...every].sort()).toEqual(Object.keys(ROLE_ABILITIES).sort());
});

test('only admin and billing may buy credits', () => {
  expect(ROLES.filter((role) => may(role, 'billing.buy'))).toEqual(['billing', 'admin']);
});

test('the matrix of roles and abilities is the documented one', () => {
  const rows = ROLES.map((role) => {
    const cells = every.map((ability) => (may(role, ability) ? 'x' : '-')).join(' ');
    return `${role.padEnd(18)}${cells}`;
  });
  expect([every.join(' '), ...rows]).toEqual([
    'playground.use keys.manage usage.view billing.view billing.buy members.manage limits.manage ' +
      'webhooks.manage',
    'user              x - - - - - - -',
    'claude_code_user  x - - - - - - -',
    'limited_developer x x x x - - - -',
    'developer         x x x x - - - -',
    'billing           x - x x x - - -',
    'admin             x x x x x x x x',
  ]);
});

test('a refusal can name who may, the most trusted first', () => {
  expect(whoMay('billing.buy')).toBe('Admin or Billing');
  expect(whoMay('members.manage')).toBe('Admin');
  expect(whoMay('keys.manage')).toBe('Admin, Developer or Limited Developer');
});
