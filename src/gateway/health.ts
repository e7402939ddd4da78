/**
 * Whether an upstream is sent calls: a circuit breaker as a pure table. It only steers. Where every
 * upstream is open, one of them is tried all the same, so a breaker never refuses a request.
 */
export type HealthState = 'closed' | 'open' | 'half_open';

/** What one call said about the upstream it went to. */
export type Sign =
  /** It answered, an error of the caller's included. */
  | 'well'
  /** No connection, silence, or an error of its own: 5xx, 529. */
  | 'failed'
  /** It does not take the operator's key. Waiting alone seldom mends that. */
  | 'key_refused'
  /** The call was given up before anything was known. */
  | 'unknown';

export interface Health {
  readonly state: HealthState;
  /** Newest last, true for a failure; at most `WINDOW`. */
  readonly recent: readonly boolean[];
  /** Open: when it may be probed. Half open: when the probe has taken so long that another may. */
  readonly waitUntilMs: number;
  /** How long it was or will next be open. */
  readonly openMs: number;
}

/** A dead upstream fails every call: five in a row, and customers stop paying with latency. */
const FAILURES_IN_ROW = 5;
/** An overloaded one answers now and then: half of the last twenty. */
const WINDOW = 20;
const FAILURES_IN_WINDOW = 10;
const OPEN_MS = 10_000;
/** Each probe that fails doubles the wait, up to here. */
const OPEN_MS_MAX = 300_000;
const KEY_REFUSED_MS = 60_000;
/** An answer that is not streamed has its head only at its end. */
const PROBE_MS = 30_000;

export const FRESH: Health = { state: 'closed', recent: [], waitUntilMs: 0, openMs: OPEN_MS };

type Step = (health: Health, nowMs: number) => Health;

const stay: Step = (health) => health;
const close: Step = () => FRESH;
const openFor =
  (openMs: number): Step =>
  (_health, nowMs) => ({ state: 'open', recent: [], waitUntilMs: nowMs + openMs, openMs });

function counted(failed: boolean): Step {
  return (health, nowMs) => {
    const recent = [...health.recent, failed].slice(-WINDOW);
    const inRow = recent.slice(-FAILURES_IN_ROW);
    const dead = inRow.length === FAILURES_IN_ROW && inRow.every(Boolean);
    const ailing = recent.length === WINDOW && recent.filter(Boolean).length >= FAILURES_IN_WINDOW;
    return failed && (dead || ailing)
      ? openFor(health.openMs)(health, nowMs)
      : { ...health, recent };
  };
}

const again: Step = (health, nowMs) =>
  openFor(Math.min(health.openMs * 2, OPEN_MS_MAX))(health, nowMs);
/** Nobody knows more than before the probe, so the next call may be one at once. */
const askAnother: Step = (health, nowMs) => ({ ...health, state: 'open', waitUntilMs: nowMs });

/**
 * Of an open upstream nothing counts but time: what is still heard of it was asked before it
 * opened, or because there was no other.
 */
export const HEALTH_STEPS: Readonly<Record<HealthState, Readonly<Record<Sign, Step>>>> = {
  closed: {
    well: counted(false),
    failed: counted(true),
    key_refused: openFor(KEY_REFUSED_MS),
    unknown: stay,
  },
  open: { well: stay, failed: stay, key_refused: stay, unknown: stay },
  half_open: {
    well: close,
    failed: again,
    key_refused: openFor(KEY_REFUSED_MS),
    unknown: askAnother,
  },
};

/** Whether a call may go there now. A `probe` is the one call that finds out. */
export function admits(health: Health, nowMs: number): 'yes' | 'probe' | 'no' {
  if (health.state === 'closed') return 'yes';
  return nowMs >= health.waitUntilMs ? 'probe' : 'no';
}

export const probing = (health: Health, nowMs: number): Health => ({
  ...health,
  state: 'half_open',
  waitUntilMs: nowMs + PROBE_MS,
});

/** `probe`: the sign is of the probe. Half open, older calls have no say. */
export function heard(health: Health, sign: Sign, probe: boolean, nowMs: number): Health {
  if (health.state === 'half_open' && !probe) return health;
  return HEALTH_STEPS[health.state][sign](health, nowMs);
}
