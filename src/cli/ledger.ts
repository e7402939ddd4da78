import { type Answer, type CliHost, failed, parseTime, type System, WRITTEN } from '#cli/answer';
import { unknownOrganization } from '#cli/organization';
import type { Verbs } from '#cli/verbs';
import { openPool } from '#db/pool';
import { parseId } from '#kernel/ids';
import { EXPORT_FORMATS, type ExportRequest, exportStatement } from '#ledger/export';
import { type VerificationProgress, verifyLedger } from '#ledger/reconcile';

/** As many readings side by side as a small database server has processors. */
const LANES = 2;
/** A tail that was never sealed is one statement; on a large old ledger it takes minutes. */
const STATEMENT_MS = 3_600_000;
/** Below this it is over before anyone wonders. */
const ENTRIES_WITHOUT_PROGRESS = 500_000n;

async function verify(
  { databaseUrl: url }: System,
  options: { full?: boolean },
  onProgress: (progress: VerificationProgress) => void,
): Promise<Answer> {
  const pool = openPool({ url, name: 'verify', max: LANES, statementTimeoutMs: STATEMENT_MS });
  try {
    const mode = options.full === true ? 'full' : 'incremental';
    const result = await verifyLedger(pool, { mode, lanes: LANES, onProgress });
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
  } finally {
    await pool.close();
  }
}

/** A line at each tenth of a long verification, on standard error, with or without a terminal. */
export function tellTenths(
  write: (text: string) => void,
): (progress: VerificationProgress) => void {
  let told = 0n;
  return ({ read, total }) => {
    if (total < ENTRIES_WITHOUT_PROGRESS) return;
    const tenths = (read * 10n) / total;
    if (tenths <= told) return;
    told = tenths;
    write(`${tenths}0 %: ${read} of ${total} entries\n`);
  };
}

interface ExportOptions {
  readonly org: string;
  readonly format?: string;
  readonly from?: string;
  readonly to?: string;
  readonly by?: string;
}

async function exportLines(
  system: System,
  options: ExportOptions,
  json: boolean,
  write: (text: string) => void,
): Promise<Answer> {
  const refusal = await unknownOrganization(system, options.org);
  const organizationId = parseId('organization', options.org);
  if (refusal !== undefined || organizationId === undefined) {
    return refusal ?? failed('organization_not_found', `There is no organization ${options.org}.`);
  }
  const asked = options.format ?? (json ? 'jsonl' : 'csv');
  const format = EXPORT_FORMATS.find((known) => known === asked);
  if (format === undefined) {
    return failed('invalid_format', `--format is csv or jsonl, not "${asked}".`);
  }
  const { by = 'effective' } = options;
  if (by !== 'effective' && by !== 'recorded') {
    return failed('invalid_time_basis', `--by is effective or recorded, not "${by}".`);
  }
  const range: { from?: Date; to?: Date } = {};
  for (const end of ['from', 'to'] as const) {
    const text = options[end];
    if (text === undefined) continue;
    const time = parseTime(text);
    if (time === undefined) {
      return failed(
        'invalid_time',
        `--${end} "${text}" is not a time such as 2026-11-21T13:00:00Z.`,
      );
    }
    range[end] = time;
  }
  if (range.from !== undefined && range.to !== undefined && range.from > range.to) {
    return failed('invalid_range', `--from ${options.from} is after --to ${options.to}.`);
  }
  const request: ExportRequest = { organizationId, format, by, ...range };
  for await (const part of exportStatement(system.pool, request)) write(part);
  return WRITTEN;
}

export function addLedgerVerbs({ program, onSystem }: Verbs, host: CliHost): void {
  const ledger = program.command('ledger').description('the books');
  ledger
    .command('verify')
    .description('prove every rule of the ledger; exit 1 if one is broken')
    .option('--full', 'every entry from the first; else what is new since the last seals')
    .action(
      onSystem((system, options: { full?: boolean }) =>
        verify(system, options, tellTenths(host.stderr)),
      ),
    );
  ledger
    .command('export')
    .description('every line of a statement, oldest first')
    .requiredOption('--org <id>', 'whose')
    .option('--format <format>', 'csv (the default) or jsonl (the default with --json)')
    .option('--from <time>', 'lines from this instant on')
    .option('--to <time>', 'lines before this instant')
    .option('--by <basis>', 'compare with the effective (the default) or the recorded time')
    .action(
      onSystem((system, options: ExportOptions) =>
        exportLines(system, options, program.opts().json === true, host.stdout),
      ),
    );
}
