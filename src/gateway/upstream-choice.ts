import { admits, type Health } from '#gateway/health';
import type { CostShare } from '#gateway/upstream';
import type { Entropy } from '#kernel/ids';

/** An upstream as its operator described it. */
export interface UpstreamSpec {
  /** Unique; in logs, metrics and records. */
  readonly name: string;
  /** An Anthropic-compatible origin, with the path before `/v1` if it has one. */
  readonly url: string;
  readonly key: string;
  /** Its share of the calls among those that serve a model; 0 is asked when no other can be. */
  readonly weight: number;
  /** Names, or beginnings of names that end in `*`. Undefined serves every model. */
  readonly models: readonly string[] | undefined;
  /** What the operator pays there of the upstream prices in the book. */
  readonly costShare: CostShare;
}

export interface Candidate {
  readonly spec: UpstreamSpec;
  readonly health: Health;
}

export interface Choice<C extends Candidate> {
  readonly chosen: C;
  /** The call finds out whether the upstream is well again. */
  readonly probe: boolean;
}

/** Whether an upstream is asked for a model. */
export const serves = ({ models }: UpstreamSpec, model: string): boolean =>
  models === undefined ||
  models.some((name) =>
    name.endsWith('*') ? model.startsWith(name.slice(0, -1)) : name === model,
  );

/**
 * Who is asked next. A due probe first, because an upstream that is never asked never comes back;
 * then by weight among the healthy; then a standby. Where all are ailing the first attempt goes to
 * any of them: a breaker must not turn a doubt into an outage. A further attempt is then not made.
 */
export function choose<C extends Candidate>(
  candidates: readonly C[],
  first: boolean,
  nowMs: number,
  entropy: Entropy,
): Choice<C> | undefined {
  const of = (answer: 'yes' | 'probe', standby: boolean): C[] =>
    candidates.filter(
      ({ spec, health }) => (spec.weight === 0) === standby && admits(health, nowMs) === answer,
    );
  const [due] = of('probe', false);
  if (due !== undefined) return { chosen: due, probe: true };
  const healthy = byWeight(of('yes', false), entropy);
  if (healthy !== undefined) return { chosen: healthy, probe: false };
  const [standby] = of('yes', true);
  if (standby !== undefined) return { chosen: standby, probe: false };
  const [doubtful] = of('probe', true);
  if (doubtful !== undefined) return { chosen: doubtful, probe: true };
  if (!first) return undefined;
  const any =
    byWeight(
      candidates.filter(({ spec }) => spec.weight > 0),
      entropy,
    ) ?? candidates[0];
  return any === undefined ? undefined : { chosen: any, probe: false };
}

const DRAWS = 2 ** 32;

function byWeight<C extends Candidate>(candidates: readonly C[], entropy: Entropy): C | undefined {
  if (candidates.length < 2) return candidates[0];
  const total = candidates.reduce((sum, { spec }) => sum + spec.weight, 0);
  const drawn = entropy.bytes(4).reduce((number, byte) => number * 256 + byte, 0);
  let rest = (drawn / DRAWS) * total;
  for (const candidate of candidates) {
    rest -= candidate.spec.weight;
    if (rest < 0) return candidate;
  }
  return candidates.at(-1);
}
