import type { FactReader } from '#notices/facts';

/** What a notice says, without how it looks. One text for the mail, its plain part and the page. */
export interface Words {
  readonly subject: string;
  readonly headline: string;
  readonly body: readonly string[];
  /** Label and value; a value that is not known is not shown. */
  readonly rows: readonly (readonly [string, string | undefined])[];
}

/** What words may know beside the facts. */
export interface Setting {
  readonly brand: string;
  readonly organization: string;
}

export type WordsOf = (facts: FactReader, setting: Setting) => Words;

/** "Visa •••• 4242": brands are written as their owners do, at least at the beginning. */
export function cardText(facts: FactReader): string | undefined {
  const card = facts.text('card');
  return card === undefined ? undefined : capital(card);
}

export const capital = (text: string): string =>
  `${text.slice(0, 1).toUpperCase()}${text.slice(1)}`;

/** "less than a day", "1 day", "7 days". */
export function daysText(days: number | undefined): string {
  if (days === undefined) return 'a few days';
  if (days < 1) return 'less than a day';
  return `${days} ${days === 1 ? 'day' : 'days'}`;
}
