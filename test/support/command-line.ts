import { readPrices } from '#catalog/live';
import { type CliHost, done } from '#cli/answer';
import { runCli } from '#cli/program';
import { createIdentity } from '#identity/sign-in';
import type { ReconcileDeps } from '#payments/reconcile';
import { bundledBook } from '#pricing/bundled-book';
import { systemEntropy } from '#src/system';
import type { TestDatabase } from '#test/database';

const noProcessor = (): never => {
  throw new Error('this test has no card processor');
};

/** The verbs of the command line on a database, without a process of its own for each. */
export function commandLine(database: TestDatabase, payments?: ReconcileDeps) {
  async function run(words: readonly string[]) {
    const { pool, url } = database;
    const pepper = Buffer.alloc(32, 7);
    const entropy = systemEntropy;
    const mailer = { send: async () => true };
    const consoleUrl = 'http://127.0.0.1:4000';
    const identity = createIdentity({ pool, entropy, pepper, mailer, consoleUrl, brand: 'Bursar' });
    const book = bundledBook();
    const system = {
      ...{ pool, databaseUrl: url, entropy, pepper, identity, book, close: async () => {} },
      latestPrices: () => readPrices(pool, book),
      payments: async () => payments ?? noProcessor(),
    };
    let stdout = '';
    let stderr = '';
    const host: CliHost = {
      version: '0.0.0',
      openSystem: async () => ({ outcome: 'found', system }),
      start: async () => 0,
      migrate: async () => done({ applied: [] }, ''),
      doctor: async () => done({ ok: true, checks: [] }, ''),
      stdout: (text) => {
        stdout += text;
      },
      stderr: (text) => {
        stderr += text;
      },
    };
    const exitCode = await runCli(words, host);
    return { exitCode, stdout, stderr };
  }

  /** With `--json`: what it told, or the code and message of its error. */
  async function bursar(...words: string[]) {
    const { exitCode, stdout, stderr } = await run([...words, '--json']);
    const told = exitCode === 0 && stdout.startsWith('{') ? JSON.parse(stdout) : undefined;
    const { code, message } = exitCode === 0 ? {} : JSON.parse(stderr).error;
    return { exitCode, told, code, message };
  }
  /** As a person sees it. */
  const text = (...words: string[]) => run(words);
  return Object.assign(bursar, { text });
}
