/** The states of a dispute. Persisted and on the wire: never renamed. */
export const DISPUTE_STATES = [
  /** The bank asks; no money has moved. */
  'inquiry',
  /** The bank took the money, for now. What is unspent of the purchase is frozen. */
  'open',
  'won',
  'lost',
  /** Ended without money moving. */
  'closed',
] as const;
export type DisputeState = (typeof DISPUTE_STATES)[number];

/** What a reading of the processor's dispute says. */
export type DisputeNews = DisputeState | 'appealed';

/** The processor's words. One never heard of is an open dispute: freezing is the safe side. */
const NEWS: Readonly<Record<string, DisputeNews>> = {
  warning_needs_response: 'inquiry',
  warning_under_review: 'inquiry',
  warning_closed: 'closed',
  prevented: 'closed',
  needs_response: 'open',
  under_review: 'open',
  won: 'won',
  lost: 'lost',
  // The verdict is looked at again; until there is another, it stands.
  appeal_needs_response: 'appealed',
  appeal_under_review: 'appealed',
};

export const disputeNews = (status: string): DisputeNews => NEWS[status] ?? 'open';

/** What a step does to the credit of the disputed purchase. */
export type DisputeEffect =
  | 'nothing'
  /** What is unspent cannot be used, and automatic purchases wait. */
  | 'freeze'
  /** Exactly what was frozen comes back. */
  | 'release'
  /** What is frozen is taken, what was spent is owed. */
  | 'seize'
  /** A verdict was turned around: what was taken comes back as credit, debt first. */
  | 'reinstate';

interface Step {
  readonly to: DisputeState;
  readonly effect: DisputeEffect;
}

const step = (to: DisputeState, effect: DisputeEffect): Step => ({ to, effect });

const UNDECIDED: Readonly<Record<DisputeState, Step>> = {
  inquiry: step('inquiry', 'nothing'),
  open: step('open', 'freeze'),
  won: step('won', 'nothing'),
  lost: step('lost', 'seize'),
  closed: step('closed', 'nothing'),
};

/**
 * state × news → state and effect; `new` is a dispute we had not heard of. Whatever is missed in
 * between, the reading that comes next is listed here, so order and gaps do not matter. What is
 * absent changes nothing.
 */
export const DISPUTE_STEPS: Readonly<
  Record<DisputeState | 'new', Partial<Record<DisputeNews, Step>>>
> = {
  new: { ...UNDECIDED, appealed: step('open', 'freeze') },
  inquiry: {
    open: UNDECIDED.open,
    won: UNDECIDED.won,
    lost: UNDECIDED.lost,
    closed: UNDECIDED.closed,
    appealed: step('open', 'freeze'),
  },
  open: {
    won: step('won', 'release'),
    lost: step('lost', 'seize'),
    closed: step('closed', 'release'),
  },
  won: { open: step('open', 'freeze'), lost: step('lost', 'seize') },
  lost: { won: step('won', 'reinstate') },
  closed: { open: step('open', 'freeze'), won: step('won', 'nothing'), lost: UNDECIDED.lost },
};

export const disputeStep = (from: DisputeState | 'new', news: DisputeNews): Step | undefined =>
  DISPUTE_STEPS[from][news];

/** Whether credit of its payment would be frozen or taken at once: the bank has the money. */
export const takesMoney = (news: DisputeNews): boolean =>
  (disputeStep('new', news)?.effect ?? 'nothing') !== 'nothing';

/** Undecided: looked at again from time to time, should every event about them be lost. */
export const OPEN_DISPUTE_STATES: readonly DisputeState[] = ['inquiry', 'open'];

/** On the purchase's timeline. */
export const DISPUTE_SENTENCES: Readonly<Record<DisputeState, string>> = {
  inquiry: "The card's bank asked about this payment. Nothing has changed.",
  open: "The card's bank disputes this payment. What is unspent of it is frozen meanwhile.",
  won: 'The dispute was decided for this payment. What was frozen is back.',
  lost: 'The dispute was decided against this payment. Its credits were taken back.',
  closed: 'The bank closed its question about this payment. Nothing was taken.',
};
