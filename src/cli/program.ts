import { Command, CommanderError } from 'commander';
import type { Answer, CliHost } from '#cli/answer';
import { addBalanceVerb } from '#cli/balance';
import { addBatchVerbs } from '#cli/batch';
import { addClockVerbs } from '#cli/clock';
import { addDatabaseVerbs } from '#cli/database';
import { addDiscountVerbs } from '#cli/discount';
import { addDisputeVerbs } from '#cli/dispute';
import { addDoctorVerb } from '#cli/doctor';
import { addExamples } from '#cli/examples';
import { addGrantVerb } from '#cli/grant';
import { addKeyVerbs } from '#cli/key';
import { addLedgerVerbs } from '#cli/ledger';
import { addLimitVerbs } from '#cli/limit';
import { addOrganizationVerbs } from '#cli/organization';
import { addPaymentVerbs } from '#cli/payment';
import { addPriceVerbs } from '#cli/price';
import { addPurchaseVerbs } from '#cli/purchase';
import { addRateLimitVerbs } from '#cli/rate-limit';
import { addReconcileVerb } from '#cli/reconcile';
import { addRefundVerbs } from '#cli/refund';
import { addRequestVerbs } from '#cli/request';
import { addSignInLinkVerb } from '#cli/sign-in-link';
import { addSpendWatchVerbs } from '#cli/spend-watch';
import { addStartVerb } from '#cli/start';
import type { Verbs } from '#cli/verbs';
import { addWorkspaceVerbs } from '#cli/workspace';

const FAILED = 1;
const MISUSED = 2;

/** Runs one command line (without program and script) and answers its exit code. */
export async function runCli(argv: readonly string[], host: CliHost): Promise<number> {
  const json = argv.includes('--json');
  let exitCode = 0;
  const fail = (code: string, message: string): void => {
    exitCode = FAILED;
    const shown = json ? JSON.stringify({ error: { code, message } }) : message;
    host.stderr(`${shown}\n`);
  };
  const print = (answer: Answer): void => {
    if (answer.outcome === 'failed') {
      fail(answer.code, answer.message);
      return;
    }
    exitCode = answer.exitCode ?? 0;
    const shown = json ? JSON.stringify(answer.json) : answer.text;
    if (shown !== undefined && shown !== '') host.stdout(`${shown}\n`);
  };
  const program = new Command('bursar');
  addVerbs(
    {
      program,
      onSystem:
        (verb) =>
        async (...args) => {
          const opened = await host.openSystem();
          if (opened.outcome === 'failed') {
            fail(opened.code, opened.message);
            return;
          }
          try {
            print(await verb(opened.system, ...args));
          } finally {
            await opened.system.close();
          }
        },
      alone: (verb) => async () => print(await verb()),
      exitWith: (code) => {
        exitCode = code;
      },
    },
    host,
  );
  try {
    await program.parseAsync([...argv], { from: 'user' });
  } catch (error) {
    if (error instanceof CommanderError) return misuse(error, json, host);
    fail('internal_error', error instanceof Error ? error.message : String(error));
  }
  return exitCode;
}

/** Every verb there is, each told how it is run. */
export function addVerbs(verbs: Verbs, host: CliHost): void {
  verbs.program
    .description('Prepaid credits and billing for LLM APIs.')
    .version(host.version)
    .option('--json', 'answer with JSON')
    .showHelpAfterError()
    .configureOutput({
      writeOut: host.stdout,
      writeErr: () => {},
    })
    .exitOverride();
  addStartVerb(verbs, host);
  addOrganizationVerbs(verbs);
  addWorkspaceVerbs(verbs);
  addKeyVerbs(verbs);
  addGrantVerb(verbs);
  addBalanceVerb(verbs);
  addLimitVerbs(verbs);
  addSpendWatchVerbs(verbs);
  addRateLimitVerbs(verbs);
  addPriceVerbs(verbs);
  addDiscountVerbs(verbs);
  addPurchaseVerbs(verbs);
  addPaymentVerbs(verbs);
  addRefundVerbs(verbs);
  addDisputeVerbs(verbs);
  addReconcileVerb(verbs);
  addRequestVerbs(verbs);
  addBatchVerbs(verbs);
  addLedgerVerbs(verbs, host);
  addClockVerbs(verbs);
  addSignInLinkVerb(verbs);
  addDatabaseVerbs(verbs, host);
  addDoctorVerb(verbs, host);
  addExamples(verbs.program);
}

function misuse(error: CommanderError, json: boolean, host: CliHost): number {
  if (error.exitCode === 0) return 0;
  const message =
    error.code === 'commander.help'
      ? 'Name a verb; --help lists them.'
      : error.message.replace(/^error: /, '');
  const shown = json
    ? JSON.stringify({ error: { code: 'usage', message } })
    : `${message}\nbursar --help lists every verb and option.`;
  host.stderr(`${shown}\n`);
  return MISUSED;
}
