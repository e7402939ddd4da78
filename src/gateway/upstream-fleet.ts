import type { OriginTimeouts } from '#gateway/upstream';
import type { UpstreamSpec } from '#gateway/upstream-choice';

/** A list of upstreams that its operator may change at any time. */
export interface Fleet {
  /** The first one answers calls that name no model. */
  specs(): readonly UpstreamSpec[];
  /** `changed` is called with every later list. */
  onChange(changed: (specs: readonly UpstreamSpec[]) => void): void;
  readonly timeouts?: OriginTimeouts | undefined;
}

/** The one upstream of a deployment that has no list. */
export interface UpstreamOptions extends OriginTimeouts {
  readonly url: string;
  readonly key: string;
}

export const AT_BOOK_COST = { numerator: 1n, denominator: 1n } as const;

/** How the only upstream is called in logs, metrics and records. */
const ONLY = 'default';

export function fleetOf(upstream: UpstreamOptions | Fleet): Fleet {
  if ('specs' in upstream) return upstream;
  const { url, key, ...timeouts } = upstream;
  const only = { name: ONLY, url, key, weight: 1, models: undefined, costShare: AT_BOOK_COST };
  return { specs: () => [only], onChange() {}, timeouts };
}
