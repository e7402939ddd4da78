const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

const CLOCK = String.raw`\d{2}:\d{2}(?::\d{2}(?:\.\d{3})?)?`;
const DAY = String.raw`\d{1,2} (?:${MONTHS.join('|')}) \d{4}`;

/** How an instant is written in a story: "1 Jan 2027 10:00", "1 Jan 2027" or "10:00:00.500". */
export const INSTANT = `(?:${DAY}(?: ${CLOCK})?|${CLOCK})`;

const DATED = new RegExp(`^(\\d{1,2}) (\\w{3}) (\\d{4})(?: (${CLOCK}))?$`);
const TIMED = new RegExp(`^${CLOCK}$`);

/**
 * Reads an instant in UTC. A time without a day belongs to the day of `before`; a day without a time
 * begins at 00:00. Undefined if it is written otherwise or does not exist, as 30 February.
 */
export function parseInstant(text: string, before: Date | undefined): Date | undefined {
  if (TIMED.test(text)) {
    return before === undefined ? undefined : exactly(before.toISOString().slice(0, 10), text);
  }
  const [, day = '', month = '', year = '', time = '00:00'] = DATED.exec(text) ?? [];
  const number = MONTHS.indexOf(month) + 1;
  if (number === 0) return undefined;
  return exactly(`${year}-${String(number).padStart(2, '0')}-${day.padStart(2, '0')}`, time);
}

function exactly(day: string, time: string): Date | undefined {
  const iso = `${day}T${`${time}${time.length === 5 ? ':00' : ''}`.padEnd(9, '.').padEnd(12, '0')}Z`;
  const instant = new Date(iso);
  return Number.isNaN(instant.getTime()) || instant.toISOString() !== iso ? undefined : instant;
}
