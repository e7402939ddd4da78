import { dirname, isAbsolute, join } from 'node:path';
import type { CostShare } from '#gateway/upstream';
import type { UpstreamSpec } from '#gateway/upstream-choice';
import { AT_BOOK_COST } from '#gateway/upstream-fleet';
import { isObject, type JsonObject } from '#kernel/json';
import { parseYaml } from '#pricing/book-file';
import { type LineOf, nearestName, type Path } from '#pricing/book-problem';
import { Secret } from '#src/start/environment';

/** An upstream as the file names it. Its key shows itself only through `reveal()`. */
export interface UpstreamEntry extends Omit<UpstreamSpec, 'key'> {
  readonly key: Secret;
}

/** One thing wrong with the file. No key is ever part of it. */
export interface FileProblem {
  /** `line 3, upstreams[0].url` */
  readonly place: string;
  readonly found: string;
  readonly expected: string;
}

export type UpstreamsOutcome =
  | { readonly outcome: 'valid'; readonly entries: readonly UpstreamEntry[] }
  | { readonly outcome: 'invalid'; readonly problems: readonly FileProblem[] };

/** The text of a file; undefined if it cannot be read. */
export type ReadText = (path: string) => string | undefined;

const FILE_CHARACTERS_MAX = 1_048_576;
const UPSTREAMS_MAX = 100;
const WEIGHT_MAX = 1_000;
const FIELDS = ['name', 'url', 'key', 'key_file', 'weight', 'models', 'cost_factor'] as const;
const NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,39}$/;
const MODEL = /^[A-Za-z0-9][\w.:@/-]{0,199}\*?$|^\*$/;
const FACTOR = /^(\d{1,3})(?:\.(\d{1,9}))?$/;
/** A field somebody made up; whatever looks otherwise may be a key in the wrong place. */
const PLAIN_WORD = /^[A-Za-z_]{1,20}$/;

/**
 * Reads the list of upstreams and the files their keys are in, the latter beside the list unless
 * their path is absolute. Every problem is in one answer.
 */
export function parseUpstreams(path: string, read: ReadText): UpstreamsOutcome {
  const text = read(path);
  if (text === undefined) return unusable(path, 'nothing that can be read', 'a YAML file');
  if (text.length > FILE_CHARACTERS_MAX) {
    return unusable(path, `${text.length} characters`, `at most ${FILE_CHARACTERS_MAX}`);
  }
  const { data, lineOf, problems, readable } = parseYaml(text);
  const list = new ListReader(lineOf, (file) =>
    read(isAbsolute(file) ? file : join(dirname(path), file)),
  );
  for (const problem of problems) list.malformed(problem);
  const entries = readable ? list.entries(data) : [];
  if (list.problems.length > 0) return { outcome: 'invalid', problems: list.problems };
  return { outcome: 'valid', entries };
}

const unusable = (place: string, found: string, expected: string): UpstreamsOutcome => ({
  outcome: 'invalid',
  problems: [{ place, found, expected }],
});

/** One line for a person. */
export const describeProblem = ({ place, found, expected }: FileProblem): string =>
  `${place}: found ${found}, expected ${expected}`;

export const specOf = ({ key, ...entry }: UpstreamEntry): UpstreamSpec => ({
  ...entry,
  key: key.reveal(),
});

class ListReader {
  readonly problems: FileProblem[] = [];
  readonly #lineOf: LineOf;
  readonly #keyIn: ReadText;

  constructor(lineOf: LineOf, keyIn: ReadText) {
    this.#lineOf = lineOf;
    this.#keyIn = keyIn;
  }

  /** What a parser quotes may be a key, so only its line is told. */
  malformed(problem: string): void {
    const [place = 'the file', ...said] = problem.split(': ');
    const twice = /^(\w+) stands here twice/.exec(said.join(': '))?.[1];
    const known = FIELDS.find((field) => field === twice);
    const found = known === undefined ? 'text that is no plain YAML' : `${known} a second time`;
    // One mistake makes a parser stumble more than once, often in one line.
    if (this.problems.some((told) => told.place === place && told.found === found)) return;
    this.problems.push({ place, found, expected: 'YAML without aliases, each field once' });
  }

  entries(data: unknown): UpstreamEntry[] {
    if (!isObject(data)) {
      this.#wrong([], kindOf(data), 'a field upstreams with a list');
      return [];
    }
    this.#knownOnly(data, ['upstreams'], []);
    const list = data.upstreams;
    if (!Array.isArray(list) || list.length === 0 || list.length > UPSTREAMS_MAX) {
      this.#wrong(['upstreams'], kindOf(list), `a list of 1 to ${UPSTREAMS_MAX} upstreams`);
      return [];
    }
    const entries = list.map((item: unknown, index) => this.#entry(item, ['upstreams', index]));
    const first = new Map<string, number>();
    for (const [index, { name }] of entries.entries()) {
      const other = first.get(name);
      if (other === undefined) first.set(name, index);
      else if (name !== '') {
        const at: Path = ['upstreams', index, 'name'];
        this.#wrong(at, JSON.stringify(name), `a name other than that of upstreams[${other}]`);
      }
    }
    return entries;
  }

  #entry(item: unknown, at: Path): UpstreamEntry {
    if (!isObject(item)) this.#wrong(at, kindOf(item), 'an upstream with a name, a url and a key');
    const fields = isObject(item) ? item : {};
    this.#knownOnly(fields, FIELDS, at);
    const required = isObject(item);
    return {
      name: this.#text(fields, at, 'name', NAME, 'up to 40 letters, digits, _ . -', required),
      url: this.#url(fields, at, required),
      key: this.#key(fields, at, required),
      weight: this.#weight(fields, at),
      models: this.#models(fields, at),
      costShare: this.#costShare(fields, at),
    };
  }

  #text(
    fields: JsonObject,
    at: Path,
    field: string,
    shape: RegExp,
    expected: string,
    required: boolean,
  ): string {
    const value = fields[field];
    if (value === undefined && !required) return '';
    if (typeof value === 'string' && shape.test(value)) return value;
    this.#wrong([...at, field], shown(value), expected);
    return '';
  }

  #url(fields: JsonObject, at: Path, required: boolean): string {
    const text = this.#text(fields, at, 'url', /^/, 'a URL such as https://example.com', required);
    if (text === '') return text;
    const url = URL.canParse(text) ? new URL(text) : undefined;
    const web = url?.protocol === 'http:' || url?.protocol === 'https:';
    const plain = url?.username === '' && url.password === '' && url.search + url.hash === '';
    // What is wrong with it may be that somebody put a secret into it.
    if (!web || !plain) {
      this.#wrong([...at, 'url'], 'something else', 'a URL such as https://example.com');
    }
    return text.replace(/\/+$/, '');
  }

  /** Written here, or in a file of its own that a key store can replace. */
  #key({ key, key_file: file }: JsonObject, at: Path, required: boolean): Secret {
    if (!required) return new Secret('');
    if (key !== undefined && file !== undefined) {
      this.#wrong([...at, 'key_file'], 'a key beside it', 'either key or key_file');
    } else if (file !== undefined) {
      const text = typeof file === 'string' && file !== '' ? this.#keyIn(file) : undefined;
      if (text !== undefined) return this.#keyText(text.trim(), [...at, 'key_file']);
      this.#wrong([...at, 'key_file'], 'nothing that can be read', 'the path of a file');
    } else {
      return this.#keyText(typeof key === 'string' ? key : '', [...at, 'key']);
    }
    return new Secret('');
  }

  #keyText(text: string, at: Path): Secret {
    if (!/^[\x21-\x7e]{1,1024}$/.test(text)) {
      const found = text === '' ? 'nothing' : `a secret of ${text.length} characters`;
      this.#wrong(at, found, 'a key without blanks');
    }
    return new Secret(text);
  }

  #weight({ weight }: JsonObject, at: Path): number {
    if (weight === undefined) return 1;
    const digits = typeof weight === 'string' && /^\d{1,4}$/.test(weight) ? weight : '';
    const number = Number.parseInt(digits, 10);
    if (number <= WEIGHT_MAX) return number;
    const expected = `a whole number from 0 to ${WEIGHT_MAX}`;
    this.#wrong([...at, 'weight'], shown(weight), expected);
    return 1;
  }

  #models({ models }: JsonObject, at: Path): readonly string[] | undefined {
    if (models === undefined) return undefined;
    if (!Array.isArray(models) || models.length === 0) {
      this.#wrong([...at, 'models'], kindOf(models), 'a list of models, or no such field');
      return [];
    }
    return models.flatMap((model: unknown, index) => {
      if (typeof model === 'string' && MODEL.test(model)) return [model];
      const expected = 'the name of a model, or its beginning and a *';
      this.#wrong([...at, 'models', index], shown(model), expected);
      return [];
    });
  }

  #costShare({ cost_factor: factor }: JsonObject, at: Path): CostShare {
    if (factor === undefined) return AT_BOOK_COST;
    const match = typeof factor === 'string' ? FACTOR.exec(factor) : null;
    if (match === null) {
      this.#wrong([...at, 'cost_factor'], shown(factor), 'a factor such as 0.85');
      return AT_BOOK_COST;
    }
    const [, whole = '0', fraction = ''] = match;
    return { numerator: BigInt(whole + fraction), denominator: 10n ** BigInt(fraction.length) };
  }

  #knownOnly(fields: JsonObject, known: readonly string[], at: Path): void {
    for (const name of Object.keys(fields)) {
      if (known.includes(name)) continue;
      const near = nearestName(name, known);
      const expected = near === undefined ? `one of ${known.join(', ')}` : near;
      const shown = PLAIN_WORD.test(name) ? `an unknown field ${name}` : 'an unknown field';
      this.#wrong([...at, name], shown, expected);
    }
  }

  #wrong(path: Path, found: string, expected: string): void {
    const line = this.#lineOf(path);
    const steps = path.map((step) => (typeof step === 'number' ? `[${step}]` : `.${step}`));
    const known = path.every((step) => typeof step === 'number' || PLAIN_WORD.test(step));
    const where = known ? steps.join('').replace(/^\./, '') : 'a field';
    const place = [line === undefined ? '' : `line ${line}`, where].filter(Boolean).join(', ');
    this.problems.push({ place: place === '' ? 'the file' : place, found, expected });
  }
}

const SHOWN_MAX = 80;

/** Of what may be a key in the wrong place, only what kind of thing it is. */
function kindOf(value: unknown): string {
  if (value === undefined || value === '') return 'nothing';
  if (typeof value === 'string') return 'a text';
  return Array.isArray(value) ? `a list of ${value.length}` : 'fields';
}

const shown = (value: unknown): string =>
  typeof value === 'string' && value !== ''
    ? JSON.stringify(value.slice(0, SHOWN_MAX))
    : kindOf(value);
