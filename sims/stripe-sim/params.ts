import { invalid } from './error.ts';
import { type Form, segmentsOf, type Tree } from './form.ts';

/** Names every list takes. `#` stands for an array index, a trailing `*` for any key below. */
export const PAGE_NAMES: readonly string[] = [
  'limit',
  'starting_after',
  'ending_before',
  'expand.#',
];

/** Those of a list that can be asked for a time as well. */
export const LIST_NAMES: readonly string[] = [
  ...PAGE_NAMES,
  'created',
  'created.gt',
  'created.gte',
  'created.lt',
  'created.lte',
];

/** Refuses the first parameter that no pattern allows, the way Stripe names it. */
export function refuseUnknown(form: Form, allowed: readonly string[]): void {
  for (const name of form.names) {
    const segments = segmentsOf(name);
    if (!allowed.some((pattern) => matches(pattern.split('.'), segments))) {
      throw invalid(`Received unknown parameter: ${name}`, name, 'parameter_unknown');
    }
  }
}

function matches(pattern: string[], segments: string[]): boolean {
  const openEnded = pattern.at(-1) === '*';
  // `metadata=` (unset everything) is allowed wherever `metadata[key]` is.
  const unset = segments.length === pattern.length - 1;
  if (openEnded ? segments.length > pattern.length : segments.length !== pattern.length) {
    if (!(unset && (openEnded || pattern.at(-1) === '#'))) return false;
  }
  return segments.every((segment, at) => {
    const expected = pattern[at];
    return expected === '*' || expected === segment || (expected === '#' && /^\d*$/.test(segment));
  });
}

/** Typed reading of a decoded form. Paths are dotted; an empty value counts as not given. */
export class Params {
  readonly #tree: Tree;
  readonly #prefix: string;

  constructor(tree: Tree, prefix = '') {
    this.#tree = tree;
    this.#prefix = prefix;
  }

  #raw(path: string): string | Tree | undefined {
    let node: string | Tree | undefined = this.#tree;
    for (const key of path.split('.')) {
      if (node === undefined || typeof node === 'string') return undefined;
      node = node[key];
    }
    return node;
  }

  name(path: string): string {
    const [head, ...rest] = path.split('.');
    const first = this.#prefix === '' ? head : `${this.#prefix}[${head}]`;
    return `${first}${rest.map((key) => `[${key}]`).join('')}`;
  }

  /** True if the parameter was sent at all, even to unset it. */
  given(path: string): boolean {
    return this.#raw(path) !== undefined;
  }

  text(path: string): string | undefined {
    const raw = this.#raw(path);
    return typeof raw === 'string' && raw !== '' ? raw : undefined;
  }

  textOrNull(path: string): string | null {
    return this.text(path) ?? null;
  }

  required(path: string): string {
    const value = this.text(path);
    if (value !== undefined) return value;
    const name = this.name(path);
    throw invalid(`Missing required param: ${name}.`, name, 'parameter_missing');
  }

  integer(path: string): number | undefined {
    const value = this.text(path);
    if (value === undefined) return undefined;
    if (/^-?\d{1,15}$/.test(value)) return Number(value);
    throw invalid(`Invalid integer: ${value}`, this.name(path), 'parameter_invalid_integer');
  }

  flag(path: string): boolean | undefined {
    const value = this.text(path);
    if (value === undefined) return undefined;
    if (value === 'true' || value === 'false') return value === 'true';
    throw invalid(`Invalid boolean: ${value}`, this.name(path));
  }

  oneOf<T extends string>(path: string, allowed: readonly T[]): T | undefined {
    const value = this.text(path);
    if (value === undefined) return undefined;
    const found = allowed.find((entry) => entry === value);
    if (found !== undefined) return found;
    const name = this.name(path);
    throw invalid(`Invalid ${name}: must be one of ${allowed.join(', ')}`, name);
  }

  /** A currency code in small letters, or the one to take if none is given. */
  currency(path: string, otherwise?: string): string {
    const value = (this.text(path) ?? otherwise ?? this.required(path)).toLowerCase();
    if (/^[a-z]{3}$/.test(value)) return value;
    throw invalid(`Invalid currency: ${value}.`, this.name(path));
  }

  texts(path: string): string[] {
    const raw = this.#raw(path);
    if (raw === undefined || typeof raw === 'string') return [];
    return Object.values(raw).filter((value) => typeof value === 'string');
  }

  child(path: string): Params | undefined {
    const raw = this.#raw(path);
    if (raw === undefined || typeof raw === 'string') return undefined;
    return new Params(raw, this.name(path));
  }

  items(path: string): Params[] {
    const raw = this.#raw(path);
    if (raw === undefined || typeof raw === 'string') return [];
    return Object.entries(raw).flatMap(([key, value]) =>
      typeof value === 'string' ? [] : [new Params(value, `${this.name(path)}[${key}]`)],
    );
  }

  /** The map after merging what was sent into what was there; an empty value deletes its key. */
  metadata(path: string, before: Record<string, string> = {}): Record<string, string> {
    const raw = this.#raw(path);
    if (raw === undefined) return { ...before };
    if (typeof raw === 'string') return {};
    const merged = { ...before };
    for (const [key, value] of Object.entries(raw)) {
      if (typeof value !== 'string' || key.length > 40 || value.length > 500) {
        throw invalid(`Invalid metadata: ${key}`, `${this.name(path)}[${key}]`);
      }
      if (value === '') delete merged[key];
      else merged[key] = value;
    }
    if (Object.keys(merged).length > 50) {
      throw invalid('Metadata can hold at most 50 keys.', this.name(path));
    }
    return merged;
  }
}
