/** Where a message batch stands. `ended`: at the upstream; `settled`: every item is paid for, too. */
export type BatchState =
  | 'creating'
  | 'refused'
  | 'in_progress'
  | 'canceling'
  | 'ended'
  | 'settled'
  | 'deleted'
  | 'abandoning'
  | 'abandoned';

export interface Transition {
  readonly from: readonly BatchState[];
  readonly to: BatchState;
}

/** Everything that can happen to a batch. What is not here changes nothing. */
export const EVENTS = {
  /** The upstream has taken it. */
  accepted: { from: ['creating'], to: 'in_progress' },
  /** It has not, and every hold has gone back. */
  refused: { from: ['creating'], to: 'refused' },
  cancel_asked: { from: ['in_progress', 'canceling'], to: 'canceling' },
  /** The upstream has nothing more to do: its results decide what is charged. */
  ended: { from: ['in_progress', 'canceling'], to: 'ended' },
  settled: { from: ['ended'], to: 'settled' },
  /** Results are gone only when nothing is owed for them. */
  deleted: { from: ['settled', 'abandoned'], to: 'deleted' },
  /**
   * Nobody will ever say how it ended: its maker died before the upstream's answer was written
   * down, or the upstream was not heard of long after the end. From here on nothing is charged.
   */
  given_up: { from: ['creating', 'in_progress', 'canceling', 'ended'], to: 'abandoning' },
  /** Every hold has gone back. */
  abandoned: { from: ['abandoning'], to: 'abandoned' },
} as const satisfies Readonly<Record<string, Transition>>;

export type BatchEvent = keyof typeof EVENTS;

/** Those that somebody still has to do something about. The index of batches to look at names them. */
export const OPEN_STATES = ['creating', 'in_progress', 'canceling', 'ended', 'abandoning'] as const;
