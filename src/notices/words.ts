import { type Facts, readFacts } from '#notices/facts';
import type { NoticeKind } from '#notices/kinds';
import type { Setting, Words, WordsOf } from '#notices/wording';
import { CREDIT_WORDS } from '#notices/words-credit';
import { ENDING_WORDS } from '#notices/words-endings';
import { MONEY_BACK_WORDS } from '#notices/words-money-back';
import { PAYMENT_WORDS } from '#notices/words-payments';
import { WATCH_WORDS } from '#notices/words-watch';

const WORDS: Readonly<Record<NoticeKind, WordsOf>> = {
  ...CREDIT_WORDS,
  ...PAYMENT_WORDS,
  ...MONEY_BACK_WORDS,
  ...ENDING_WORDS,
  ...WATCH_WORDS,
};

export const SUBJECT_MAX = 70;

/** The words of a kind; the subject names the organization where there is room for it. */
export function wordsOf(kind: NoticeKind, facts: Facts, setting: Setting): Words {
  const words = WORDS[kind](readFacts(facts), setting);
  return { ...words, subject: subjectFor(words.subject, setting.organization) };
}

function subjectFor(subject: string, organization: string): string {
  const whole = `${subject} (${organization})`;
  if (organization !== '' && whole.length <= SUBJECT_MAX) return whole;
  return subject.length <= SUBJECT_MAX ? subject : `${subject.slice(0, SUBJECT_MAX - 1)}…`;
}
