import { type Answer, done, failed, type System } from '#cli/answer';
import type { Verbs } from '#cli/verbs';
import { advanceClock, readDeployment } from '#db/deployment';

const SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3_600, d: 86_400 };
const SECONDS_MAX = 20 * 366 * 86_400;

/** Undefined unless it is a whole number with a unit, such as 90s, 15m, 2h or 366d. */
function parseSpan(text: string): number | undefined {
  const [, count = '', unit = ''] = /^(\d{1,9})([smhd])$/.exec(text) ?? [];
  const seconds = Number.parseInt(count, 10) * (SECONDS[unit] ?? Number.NaN);
  return seconds > 0 && seconds <= SECONDS_MAX ? seconds : undefined;
}

async function show(system: System): Promise<Answer> {
  const { now } = await readDeployment(system.pool);
  return done({ now: now.toISOString() }, now.toISOString());
}

async function advance(system: System, span: string): Promise<Answer> {
  const seconds = parseSpan(span);
  if (seconds === undefined) {
    return failed('invalid_span', `"${span}" is not a span such as 90s, 15m, 2h or 366d.`);
  }
  const result = await advanceClock(system.pool, seconds);
  if (result.outcome === 'not_simulated') {
    return failed('clock_not_simulated', 'The clock moves only while payments are simulated.');
  }
  return done({ now: result.now.toISOString() }, result.now.toISOString());
}

export function addClockVerbs({ program, onSystem }: Verbs): void {
  const clock = program.command('clock').description('business time');
  clock.command('show').description('what time it is').action(onSystem(show));
  clock
    .command('advance <span>')
    .description('move it forward, with simulators only')
    .action(onSystem(advance));
}
