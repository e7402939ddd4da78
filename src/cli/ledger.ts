import type { Answer, System } from '#cli/answer';
import type { Verbs } from '#cli/verbs';
import { verifyLedger } from '#ledger/reconcile';

async function verify(system: System): Promise<Answer> {
  const result = await verifyLedger(system.pool);
  const lines = result.checks.flatMap(({ name, ok, violations }) => [
    `${ok ? 'ok    ' : 'BROKEN'}  ${name}`,
    ...violations.map((violation) => `        ${violation}`),
  ]);
  const json = {
    ok: result.ok,
    // A count of rows, far below what a JSON number can carry.
    entries: Number.parseInt(result.entries.toString(), 10),
    checks: result.checks,
  };
  const text = `${lines.join('\n')}\n${json.entries} entries`;
  return { outcome: 'done', json, text, exitCode: result.ok ? 0 : 1 };
}

export function addLedgerVerbs({ program, onSystem }: Verbs): void {
  const ledger = program.command('ledger').description('the books');
  ledger
    .command('verify')
    .description('prove every rule of the ledger; exit 1 if one is broken')
    .option('--full', 'every check there is (the default)')
    .action(onSystem(verify));
}
