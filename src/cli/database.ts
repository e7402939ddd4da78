import { type CliHost, done } from '#cli/answer';
import type { Verbs } from '#cli/verbs';

export function addDatabaseVerbs({ program, onSystem, alone }: Verbs, host: CliHost): void {
  program
    .command('db')
    .description('the database')
    .command('url')
    .description('the DATABASE_URL with which another process joins this system')
    .action(onSystem(async ({ databaseUrl }) => done({ url: databaseUrl }, databaseUrl)));
  program
    .command('migrate')
    .description('bring the database up to this version')
    .action(alone(host.migrate));
}
