import type { UpstreamSpec } from '#gateway/upstream-choice';
import type { Fleet } from '#gateway/upstream-fleet';
import type { Log } from '#src/start/log';
import {
  describeProblem,
  parseUpstreams,
  type ReadText,
  specOf,
  type UpstreamEntry,
} from '#src/start/upstreams-file';

export interface WatchOptions {
  readonly path: string;
  readonly entries: readonly UpstreamEntry[];
  readonly read: ReadText;
  /** Calls `look` again and again until the function it answers is called. */
  readonly every: (look: () => void) => () => void;
  readonly log: Log;
}

/** A list that follows its file. */
export interface WatchedFleet extends Fleet {
  close(): void;
}

/**
 * Follows the file of upstreams and the files of their keys, so that a key is changed without a
 * restart. It is read and not asked for its time: what replaces a secret may keep that. A list that
 * is wrong in any place is not used at all; the one before stays.
 */
export function watchUpstreams(options: WatchOptions): WatchedFleet {
  const { path, log } = options;
  let specs = options.entries.map(specOf);
  /** What was read for the last list, by path; undefined could not be read. */
  let texts = new Map<string, string | undefined>();
  let changed = (_specs: readonly UpstreamSpec[]): void => {};

  function parse() {
    texts = new Map();
    return parseUpstreams(path, (file) => {
      const text = options.read(file);
      texts.set(file, text);
      return text;
    });
  }

  function look(): void {
    const same = [...texts].every(([file, text]) => options.read(file) === text);
    if (same && texts.size > 0) return;
    const parsed = parse();
    if (parsed.outcome === 'invalid') {
      const problems = parsed.problems.map(describeProblem);
      log.error({ file: path, problems }, 'the upstreams file is wrong; the list before stays');
      return;
    }
    const next = parsed.entries.map(specOf);
    const changes = differences(specs, next);
    if (changes.length === 0) return;
    specs = next;
    log.info({ file: path, changes }, 'the upstreams changed');
    changed(next);
  }

  const stop = options.every(look);
  return {
    specs: () => specs,
    onChange: (listener) => {
      changed = listener;
    },
    close: stop,
  };
}

/** What a person would say changed; of a key, only that it did. */
function differences(before: readonly UpstreamSpec[], after: readonly UpstreamSpec[]): string[] {
  const changes: string[] = [];
  const old = new Map(before.map((spec) => [spec.name, spec]));
  for (const spec of after) {
    const known = old.get(spec.name);
    old.delete(spec.name);
    if (known === undefined) changes.push(`${spec.name}: added`);
    else if (known.key !== spec.key) changes.push(`${spec.name}: key`);
    else if (rest(known) !== rest(spec)) changes.push(`${spec.name}: settings`);
  }
  for (const name of old.keys()) changes.push(`${name}: removed`);
  const order = (specs: readonly UpstreamSpec[]) => specs.map(({ name }) => name).join(' ');
  if (changes.length === 0 && order(before) !== order(after)) changes.push('order');
  return changes;
}

const rest = ({ url, weight, models, costShare }: UpstreamSpec): string =>
  JSON.stringify([url, weight, models ?? null, `${costShare.numerator}/${costShare.denominator}`]);
