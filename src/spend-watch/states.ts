export const ANOMALY_STATES = ['open', 'acknowledged', 'resumed', 'passed'] as const;
export type AnomalyState = (typeof ANOMALY_STATES)[number];

/** Everything that can become of an anomaly. What is not here does not happen. */
export const ANOMALY_MOVES = {
  /** A person says that it is expected. */
  acknowledge: { from: 'open', to: 'acknowledged' },
  /** A person lets the paused key go on. */
  resume: { from: 'open', to: 'resumed' },
  /** Nobody said anything, and the speed is usual again. */
  pass: { from: 'open', to: 'passed' },
  /** The same again, soon after, and no worse: nobody is told twice. */
  reopen: { from: 'passed', to: 'open' },
} as const satisfies Record<string, { readonly from: AnomalyState; readonly to: AnomalyState }>;

export type AnomalyMove = keyof typeof ANOMALY_MOVES;
