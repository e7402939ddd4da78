import type { CliHost } from '#cli/answer';
import type { Verbs } from '#cli/verbs';

export function addDoctorVerb({ program, alone }: Verbs, host: CliHost): void {
  program
    .command('doctor')
    .description('what is wrong with this installation; exit 1 if anything is')
    .action(alone(host.doctor));
}
