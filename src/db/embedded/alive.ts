import { readFileSync } from 'node:fs';

/**
 * When a process began, in the kernel's own ticks since boot; undefined if it does not run.
 * A process id alone is reused, so a lock names both. A zombie does not run: nobody may ever
 * collect it where process 1 of a container does not.
 */
export function startOf(pid: number): string | undefined {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return undefined;
  }
  // The second field is the program's name in brackets and may itself hold blanks and brackets.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [state] = fields;
  return state === 'Z' || state === 'X' ? undefined : fields[19];
}

/** The program's path as started; undefined if it does not run or may not be seen. */
export function programOf(pid: number): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')[0];
  } catch {
    return undefined;
  }
}
