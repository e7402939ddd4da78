/** Where in the data of a book something stands: `['models', 3, 'input']`. */
export type Path = readonly (string | number)[];

/** One thing that is wrong, said so that it can be put right without asking. */
export interface Problem {
  readonly path: Path;
  /** The model of the row, where it could be read: lines move, names do not. */
  readonly subject: string | null;
  readonly message: string;
  /** The other of two that do not go together. */
  readonly other: Path | null;
}

export type Report = (path: Path, message: string, other?: Path) => void;

/** The line of a place in the file the data came from, counted from 1. */
export type LineOf = (path: Path) => number | undefined;

/** More are of no use to a reader, and a hostile file has as many as it likes. */
const PROBLEMS_MAX = 1_000;

/** Problems as sentences: `line 12, models[3].input (claude-opus-5): …`. */
export function describeProblems(
  problems: readonly Problem[],
  lineOf: LineOf = () => undefined,
): string[] {
  return problems.map((problem) => {
    const subject = problem.subject === null ? '' : ` (${problem.subject})`;
    const other = problem.other === null ? '' : `; see ${place(problem.other, lineOf)}`;
    return `${place(problem.path, lineOf)}${subject}: ${problem.message}${other}`;
  });
}

/** The first thousand, and how many more there are. */
export function bounded(problems: readonly string[]): string[] {
  const left = problems.length - PROBLEMS_MAX;
  if (left <= 0) return [...problems];
  return [...problems.slice(0, PROBLEMS_MAX), `and ${left} more problems`];
}

function place(path: Path, lineOf: LineOf): string {
  const line = lineOf(path);
  const at = pathText(path);
  return line === undefined ? at : `line ${line}, ${at}`;
}

function pathText(path: Path): string {
  let text = '';
  for (const step of path) {
    if (typeof step === 'number') text += `[${step}]`;
    else text += text === '' ? step : `.${step}`;
  }
  return text === '' ? 'book' : text;
}

/** The known name a misspelt one most likely means. Undefined if none is near. */
export function nearestName(wrong: string, known: Iterable<string>): string | undefined {
  let nearest: string | undefined;
  let least = Math.max(2, Math.floor(wrong.length / 3)) + 1;
  for (const name of known) {
    const distance = editDistance(plain(wrong), plain(name));
    if (distance < least) [nearest, least] = [name, distance];
  }
  return nearest;
}

/** `cacheRead`, `cache-read` and `Cache_Read` are the same slip. */
const plain = (name: string): string =>
  name
    .slice(0, 64)
    .replace(/([a-z])([A-Z])/g, '$1_$2')
    .toLowerCase()
    .replaceAll(/[-\s]/g, '_');

function editDistance(one: string, other: string): number {
  let above = Array.from({ length: other.length + 1 }, (_, index) => index);
  for (const [row, letter] of [...one].entries()) {
    const line = [row + 1];
    for (const [column, against] of [...other].entries()) {
      const replaced = (above[column] ?? 0) + (letter === against ? 0 : 1);
      line.push(Math.min(replaced, (above[column + 1] ?? 0) + 1, (line[column] ?? 0) + 1));
    }
    above = line;
  }
  return above[other.length] ?? 0;
}
