import { InvalidArgumentError } from 'commander';
import { parseTime } from '#cli/answer';

/** Reads the value of an option; what is no time is misuse, told with the option's name. */
export function timeOption(text: string): Date {
  const time = parseTime(text);
  if (time !== undefined) return time;
  throw new InvalidArgumentError('Use a date or a time such as 2026-11-21T13:00:00Z.');
}
