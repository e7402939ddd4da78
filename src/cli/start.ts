import type { CliHost } from '#cli/answer';
import type { Verbs } from '#cli/verbs';

export function addStartVerb({ program, exitWith }: Verbs, host: CliHost): void {
  program
    .command('start')
    .description('run Bursar until it is stopped')
    .action(async () => exitWith(await host.start()));
}
