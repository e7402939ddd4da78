/** How much of one kind may be used: continuously refilled, up to a capacity. Whole units. */
export interface Rule {
  readonly perMinute: number;
  /** The most that waits for a burst. */
  readonly capacity: number;
}

/** What a bucket held at an instant, in units × 60,000, so that every refill is a whole number. */
export interface Level {
  readonly scaled: number;
  /** Milliseconds of whatever clock the caller uses throughout. */
  readonly atMs: number;
}

/** A unit refilled once a minute grows by one of these per millisecond. */
export const SCALE = 60_000;
/** Beyond it a bucket is long full; it keeps the product below a safe integer. */
const ELAPSED_MS_MAX = 3_600_000;
/** The largest limit: an hour of it, scaled, is still a safe integer. */
export const PER_MINUTE_MAX = 1_000_000_000;
const MINUTE_SECONDS = 60;

/**
 * A limit that lets that many seconds of it be used at once. A whole minute is what the public API
 * lets through; one second makes 60 a minute act as one a second.
 */
export const ruleOf = (perMinute: number, burstSeconds = MINUTE_SECONDS): Rule => ({
  perMinute,
  capacity: Math.max(1, Math.ceil((perMinute * burstSeconds) / MINUTE_SECONDS)),
});

export const fullLevel = (rule: Rule, nowMs: number): Level => ({
  scaled: rule.capacity * SCALE,
  atMs: Math.floor(nowMs),
});

/** The same bucket later. Time that goes back changes nothing. */
export function refilled(rule: Rule, level: Level, nowMs: number): Level {
  const elapsed = Math.min(Math.floor(nowMs) - level.atMs, ELAPSED_MS_MAX);
  if (elapsed <= 0) return level;
  const scaled = Math.min(rule.capacity * SCALE, level.scaled + rule.perMinute * elapsed);
  return { scaled, atMs: Math.floor(nowMs) };
}

/** Whole units in it; below zero after more was used than there was. */
export const unitsIn = (level: Level): number => Math.floor(level.scaled / SCALE);

/**
 * Adds units, or takes them if negative: whoever asks has seen that they are there, or knows that
 * they are used already. A debt is at most one capacity, so that it never blocks for longer than
 * an empty bucket takes to be filled twice.
 */
export function adjusted(rule: Rule, level: Level, units: number): Level {
  const full = rule.capacity * SCALE;
  const scaled = Math.max(-full, Math.min(full, level.scaled + units * SCALE));
  return { ...level, scaled };
}

/** Milliseconds until that many units are in it; what never fits waits until it is full. */
export function msUntil(rule: Rule, level: Level, units: number): number {
  const missing = Math.min(units, rule.capacity) * SCALE - level.scaled;
  if (missing <= 0) return 0;
  return rule.perMinute === 0 ? ELAPSED_MS_MAX : Math.ceil(missing / rule.perMinute);
}
