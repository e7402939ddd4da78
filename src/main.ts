import { readFileSync } from 'node:fs';
import type { Answer, CliHost } from '#cli/answer';
import { runCli } from '#cli/program';
import { migrate } from '#db/migrate';
import { describeProblems, parseConfig } from '#src/config';
import { EXIT_CONFIG } from '#src/start/refusal';
import { openSystem, ownerUrlOf } from '#src/start/system-access';
import { systemClock, systemEntropy } from '#src/system';

/** The composition root: reads the environment, hands the clock and the randomness down. */
const configuration = parseConfig(process.env);
const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));

// A terminal or a pipe that went away must not end this process before it stopped what it started.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});

const stdout = (text: string): void => {
  process.stdout.write(text);
};
const stderr = (text: string): void => {
  process.stderr.write(text);
};

const misconfigured = (): { outcome: 'failed'; code: string; message: string } => ({
  outcome: 'failed',
  code: 'invalid_configuration',
  message:
    configuration.outcome === 'invalid' ? describeProblems(configuration.problems).trim() : '',
});

async function start(): Promise<number> {
  if (configuration.outcome === 'invalid') {
    stderr(describeProblems(configuration.problems));
    return EXIT_CONFIG;
  }
  // The servers are loaded only here: other verbs answer sooner without them.
  const { startBursar } = await import('#src/start/start');
  return await startBursar(configuration.config, {
    ...{ clock: systemClock, entropy: systemEntropy, version, stdout, stderr },
    orphanStops: process.env.npm_lifecycle_event === 'start',
  });
}

async function migrateVerb(): Promise<Answer> {
  if (configuration.outcome === 'invalid') return misconfigured();
  const ownerUrl = ownerUrlOf(configuration.config);
  if (ownerUrl === undefined) {
    const message = 'No database: set DATABASE_URL, or start Bursar, which migrates by itself.';
    return { outcome: 'failed', code: 'not_running', message };
  }
  const result = await migrate(ownerUrl);
  if (result.outcome === 'refused') {
    return { outcome: 'failed', code: 'migration_refused', message: result.message };
  }
  const text = result.applied.length === 0 ? 'Up to date.' : result.applied.join('\n');
  return { outcome: 'done', json: { applied: result.applied }, text };
}

const host: CliHost = {
  version: String(version),
  openSystem: async () =>
    configuration.outcome === 'invalid'
      ? misconfigured()
      : await openSystem(configuration.config, systemEntropy),
  start,
  migrate: migrateVerb,
  doctor: async () => (await import('#src/start/doctor')).examine(configuration),
  stdout,
  stderr,
};

process.exitCode = await runCli(process.argv.slice(2), host);
