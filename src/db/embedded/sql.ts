import type { Statement } from '#db/pool';

export const DATABASE = 'bursar';
export const OWNER_ROLE = 'bursar_owner';
export const APP_ROLE = 'bursar_app';

/** Passwords are our own base64url text, and DDL takes no parameters. */
const SAFE_PASSWORD = /^[A-Za-z0-9_-]{20,}$/;

export const readRole = (role: string): Statement => ({
  text: 'SELECT 1 AS found FROM pg_catalog.pg_roles WHERE rolname = $1',
  values: [role],
});

export const readDatabase = (name: string): Statement => ({
  text: 'SELECT 1 AS found FROM pg_catalog.pg_database WHERE datname = $1',
  values: [name],
});

export function createRole(role: string, password: string): Statement {
  if (!SAFE_PASSWORD.test(password)) throw new RangeError('a role password needs base64url text');
  return { text: `CREATE ROLE ${role} LOGIN PASSWORD '${password}'` };
}

export const createDatabase: Statement = {
  text: `CREATE DATABASE ${DATABASE} OWNER ${OWNER_ROLE}`,
};

/** Only the two roles may connect; the default lets every role of the server in. */
export const closeDatabase: Statement = {
  text: `REVOKE ALL ON DATABASE ${DATABASE} FROM PUBLIC`,
};

export const openDatabase: Statement = {
  text: `GRANT CONNECT ON DATABASE ${DATABASE} TO ${APP_ROLE}`,
};

export const ping: Statement = { text: 'SELECT 1 AS found' };
