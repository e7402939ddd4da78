import { isAlias, isMap, isScalar, isSeq, LineCounter, parseDocument, type Range } from 'yaml';
import { parseCsv } from './book-csv.ts';
import { type LoadedBook, readPriceBook } from './book-data.ts';
import { bounded, describeProblems, type LineOf, type Path } from './book-problem.ts';

/** What a book file says, before anybody asks whether it makes sense. */
export interface FileData {
  readonly data: unknown;
  readonly lineOf: LineOf;
  /** What is wrong with the writing itself. */
  readonly problems: readonly string[];
  /** False if too little could be read to look for more. */
  readonly readable: boolean;
}

/** A book of 20,000 rows is half of that. */
const FILE_CHARACTERS_MAX = 16 * 1024 * 1024;
const DEPTH_MAX = 12;

/**
 * Reads a price book file: CSV where its name ends in `.csv`, else YAML, of which JSON is a part.
 * Problems come all at once, each with its line.
 */
export function parseBookFile(name: string, text: string): LoadedBook {
  if (text.length > FILE_CHARACTERS_MAX) {
    return {
      outcome: 'invalid',
      problems: [`the file is longer than ${FILE_CHARACTERS_MAX} characters`],
    };
  }
  const file = name.toLowerCase().endsWith('.csv') ? parseCsv(text) : parseYaml(text);
  if (!file.readable) return { outcome: 'invalid', problems: bounded(file.problems) };
  const read = readPriceBook(file.data);
  if (read.outcome === 'loaded' && file.problems.length === 0) return read;
  const found = read.outcome === 'loaded' ? [] : describeProblems(read.problems, file.lineOf);
  return { outcome: 'invalid', problems: bounded(inOrder([...file.problems, ...found])) };
}

/** As a reader goes through the file, whoever found what. */
const inOrder = (problems: readonly string[]): string[] =>
  problems.toSorted((one, other) => lineIn(one) - lineIn(other));

const lineIn = (problem: string): number =>
  Number.parseInt(/^line (\d+)/.exec(problem)?.[1] ?? '0', 10);

/**
 * Every scalar stays the text that was written: a schema that knows numbers would make binary
 * fractions of prices before anybody could object.
 */
export function parseYaml(text: string): FileData {
  const lines = new LineCounter();
  const document = parseDocument(text.replace(/^\uFEFF/, ''), {
    schema: 'failsafe',
    lineCounter: lines,
    prettyErrors: false,
    stringKeys: true,
    uniqueKeys: false,
  });
  const walk = new Walk(lines);
  for (const fault of [...document.errors, ...document.warnings]) {
    walk.fault(fault.pos[0], `this is not readable YAML: ${fault.message}`);
  }
  const readable = document.errors.length === 0;
  const data = readable ? walk.value(document.contents, [], undefined) : undefined;
  return { data, lineOf: (path) => walk.lineOf(path), problems: walk.problems, readable };
}

/** Turns nodes into plain data and remembers the line of everything. */
class Walk {
  readonly problems: string[] = [];
  readonly #lines: LineCounter;
  readonly #lineByPath = new Map<string, number>();

  constructor(lines: LineCounter) {
    this.#lines = lines;
  }

  fault(offset: number, message: string): void {
    this.problems.push(`line ${this.#lines.linePos(offset).line}: ${message}`);
  }

  /** The line of a place, or of the nearest thing around it that stands in the file. */
  lineOf(path: Path): number | undefined {
    for (let length = path.length; length > 0; length -= 1) {
      const line = this.#lineByPath.get(keyOf(path.slice(0, length)));
      if (line !== undefined) return line;
    }
    return undefined;
  }

  value(node: unknown, path: Path, range: Range | null | undefined): unknown {
    const start = range?.[0];
    if (start !== undefined) this.#lineByPath.set(keyOf(path), this.#lines.linePos(start).line);
    if (isScalar(node)) return typeof node.value === 'string' ? node.value : '';
    if (path.length > DEPTH_MAX) {
      this.fault(start ?? 0, `nothing in a price book lies deeper than ${DEPTH_MAX} levels`);
    } else if (isMap(node)) {
      return this.#mapping(node.items, path);
    } else if (isSeq(node)) {
      return node.items.map((item, index) => this.value(item, [...path, index], rangeOf(item)));
    } else if (isAlias(node)) {
      // A price that stands elsewhere is overlooked, and a few aliases can mean a billion rows.
      this.fault(start ?? 0, 'aliases are not read; write the value where it applies');
    }
    return undefined;
  }

  #mapping(pairs: readonly { key: unknown; value?: unknown }[], path: Path): unknown {
    const values = new Map<string, unknown>();
    for (const { key, value } of pairs) {
      if (!isScalar(key)) continue;
      const name = String(key.value);
      const at = [...path, name];
      const first = this.#lineByPath.get(keyOf(at));
      if (first !== undefined && values.has(name)) {
        this.fault(key.range?.[0] ?? 0, `${name} stands here twice, first in line ${first}`);
        continue;
      }
      values.set(name, this.value(value ?? '', at, key.range));
    }
    return Object.fromEntries(values);
  }
}

const keyOf = (path: Path): string => path.join('\u0000');

function rangeOf(node: unknown): Range | null | undefined {
  return isScalar(node) || isMap(node) || isSeq(node) || isAlias(node) ? node.range : undefined;
}
