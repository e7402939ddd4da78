import { askInTurn, type Member } from '#gateway/failover';
import { FRESH, type Health, type HealthState } from '#gateway/health';
import { type Origin, type OriginTimeouts, openOrigin, type Upstream } from '#gateway/upstream';
import type { UpstreamSpec } from '#gateway/upstream-choice';
import type { Clock } from '#kernel/clock';
import type { Entropy } from '#kernel/ids';

/** One or several places that answer, seen as one. */
export interface UpstreamPool extends Upstream {
  /** Goes by another list from the next call on. Calls under way end where they are. */
  replace(specs: readonly UpstreamSpec[]): void;
  /** For what was begun at one: the first without a name; undefined if the list has it no more. */
  at(name?: string | null): NamedUpstream | undefined;
  health(): readonly UpstreamState[];
}

/** One upstream of the list, and no other. */
export interface NamedUpstream {
  readonly name: string;
  readonly upstream: Upstream;
}

export interface UpstreamState {
  readonly name: string;
  readonly state: HealthState;
}

export interface PoolOptions {
  readonly specs: readonly UpstreamSpec[];
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly timeouts?: OriginTimeouts | undefined;
  /** Told when the health of an upstream changes. */
  readonly onHealth?: (change: UpstreamState & { readonly was: HealthState }) => void;
}

export function openUpstreamPool(options: PoolOptions): UpstreamPool {
  const { timeouts } = options;
  let members = options.specs.map(opened);
  const retired = new Set<Origin>();

  function opened(spec: UpstreamSpec): Member {
    return { spec, origin: openOrigin(spec.url, timeouts), health: FRESH };
  }

  function turn(member: Member, health: Health): void {
    const was = member.health.state;
    member.health = health;
    const { name } = member.spec;
    if (was !== health.state) options.onHealth?.({ name, was, state: health.state });
  }

  function retire(origin: Origin): void {
    retired.add(origin);
    const gone = (): void => void retired.delete(origin);
    origin.retire().then(gone, gone);
  }

  const only = (member: Member): Upstream => ({
    call: (call, sink) =>
      askInTurn({ ...options, members: [member], turn }, { ...call, model: undefined }, sink),
    close: async () => {},
  });

  return {
    call: (call, sink) => askInTurn({ ...options, members, turn }, call, sink),
    replace(specs) {
      const before = new Map(members.map((member) => [member.spec.name, member]));
      members = specs.map((spec) => {
        const kept = before.get(spec.name);
        if (kept === undefined || kept.spec.url !== spec.url) return opened(spec);
        before.delete(spec.name);
        // What was said of the old key says nothing of the new one.
        if (kept.spec.key !== spec.key) turn(kept, FRESH);
        kept.spec = spec;
        return kept;
      });
      for (const { origin } of before.values()) retire(origin);
    },
    at(name) {
      const member = members.find(({ spec }) => (name ?? spec.name) === spec.name);
      if (member === undefined) return undefined;
      return { name: member.spec.name, upstream: only(member) };
    },
    health: () => members.map(({ spec, health }) => ({ name: spec.name, state: health.state })),
    async close() {
      const origins = [...members.map(({ origin }) => origin), ...retired];
      await Promise.all(origins.map((origin) => origin.close()));
    },
  };
}
