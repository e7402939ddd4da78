/**
 * The rules of settlement that a request can end by, as docs/what-is-charged.md tells them to
 * customers. The others of that table (S5, S10, S13, S15–S17) say how a count is read or what
 * a charge is limited to, whatever the ending.
 */
export const RULES = {
  /** A JSON answer with usage. */
  S1: { charges: 'usage' },
  /** A stream that was read to its end. */
  S2: { charges: 'usage' },
  /** Declined before any output. */
  S3: { charges: 'nothing' },
  /** Declined after output. */
  S4: { charges: 'usage' },
  /** No answer: an error status, or no connection. */
  S6: { charges: 'nothing' },
  /** An error event in the middle of a stream. */
  S7: { charges: 'nothing' },
  /** An answer that broke off before it was complete. */
  S8: { charges: 'nothing' },
  /** A stream that broke off after it had told its usage. */
  S9: { charges: 'usage' },
  /** Not read to its end: known input and counted output. */
  S11: { charges: 'estimate' },
  /** Complete, but its usage cannot be believed: quarantined. */
  S12: { charges: 'nothing' },
  /** A cache warmed by a request for no output. */
  S14: { charges: 'usage' },
  /** An item of a batch: one that succeeded is paid for, any other is free. */
  S18: { charges: 'usage' },
  /** Answered after its hold was gone and its Idempotency-Key another's. */
  S19: { charges: 'nothing' },
} as const satisfies Readonly<Record<string, { charges: 'usage' | 'estimate' | 'nothing' }>>;

/** Which rule decided about a request: what its row and its receipt say. */
export type ChargeRule = keyof typeof RULES;

export const isChargeRule = (value: unknown): value is ChargeRule =>
  typeof value === 'string' && Object.hasOwn(RULES, value);

/** All that decides which rule applies to an answer with a 200 status. */
export interface AnswerFacts {
  readonly form: 'json' | 'stream' | 'batch item';
  /** Of JSON: whether it is a message at all. A stream is one. */
  readonly isMessage: boolean;
  readonly errorSeen: boolean;
  readonly stopReason: unknown;
  /** The stream's last event came; true for whatever is no stream. */
  readonly finished: boolean;
  /** Anything a customer could read, or a tool could be called with. */
  readonly delivered: boolean;
  readonly usageBelievable: boolean;
  /** The request asked for no output. */
  readonly warmsCache: boolean;
}

type AnswerRule = Exclude<ChargeRule, 'S6' | 'S11' | 'S19'>;
interface Row {
  readonly rule: AnswerRule;
  readonly when: (answer: AnswerFacts) => boolean;
}

const hasStopped = ({ form, stopReason }: AnswerFacts): boolean =>
  form !== 'stream' || typeof stopReason === 'string';
const isRefusal = ({ stopReason }: AnswerFacts): boolean => stopReason === 'refusal';

/** The first row that fits decides. */
const ANSWERS: readonly Row[] = [
  { rule: 'S7', when: (a) => a.errorSeen },
  // What a batch holds for a succeeded item was delivered; there is nobody left to refuse it to.
  { rule: 'S12', when: (a) => !a.isMessage && a.form === 'batch item' },
  { rule: 'S8', when: (a) => !a.isMessage },
  { rule: 'S12', when: (a) => !hasStopped(a) && a.finished },
  { rule: 'S8', when: (a) => !hasStopped(a) },
  { rule: 'S3', when: (a) => isRefusal(a) && !a.delivered },
  { rule: 'S12', when: (a) => !a.usageBelievable },
  { rule: 'S4', when: isRefusal },
  { rule: 'S18', when: (a) => a.form === 'batch item' },
  { rule: 'S9', when: (a) => !a.finished },
  { rule: 'S14', when: (a) => a.warmsCache },
  { rule: 'S2', when: (a) => a.form === 'stream' },
];

export const ruleFor = (answer: AnswerFacts): AnswerRule =>
  ANSWERS.find((row) => row.when(answer))?.rule ?? 'S1';
