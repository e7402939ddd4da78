import { done } from '#cli/answer';
import type { Verbs } from '#cli/verbs';

export function addSignInLinkVerb({ program, onSystem }: Verbs): void {
  program
    .command('sign-in-link')
    .description('a link that signs one person in: one use, 15 minutes')
    .requiredOption('--email <address>', 'who')
    .action(
      onSystem(async (system, options: { email: string }) => {
        const { url } = await system.identity.issueLink(options.email);
        return done({ url }, url);
      }),
    );
}
