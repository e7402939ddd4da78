import { inspect } from 'node:util';

export interface Problem {
  readonly variable: string;
  /** What was there, with secrets masked. */
  readonly found: string;
  readonly expected: string;
}

/** A value that neither logs, JSON nor a debugger's printout may show by accident. */
export class Secret {
  readonly #text: string;
  constructor(text: string) {
    this.#text = text;
  }
  reveal(): string {
    return this.#text;
  }
  toString(): string {
    return '[secret]';
  }
  toJSON(): string {
    return '[secret]';
  }
  [inspect.custom](): string {
    return '[secret]';
  }
}

/** Reads variables one by one and collects what is wrong with them instead of stopping. */
export class EnvironmentReader {
  readonly problems: Problem[] = [];
  readonly #environment: Readonly<Record<string, string | undefined>>;
  readonly #readFile: (path: string) => string;

  constructor(
    environment: Readonly<Record<string, string | undefined>>,
    readFile: (path: string) => string,
  ) {
    this.#environment = environment;
    this.#readFile = readFile;
  }

  /** `found` undefined means the variable is not set. */
  problem(variable: string, found: string | undefined, expected: string): void {
    const shown = found === undefined ? 'nothing' : JSON.stringify(found);
    this.problems.push({ variable, found: shown, expected });
  }

  failed(variable: string): boolean {
    return this.problems.some((problem) => problem.variable.startsWith(variable));
  }

  /** An empty variable is as good as none: that is how compose files say "not set". */
  text(variable: string): string | undefined {
    const value = this.#environment[variable]?.trim();
    return value === '' ? undefined : value;
  }

  /** Set to nothing but white space: not how anybody says "not set". */
  isBlank(variable: string): boolean {
    const value = this.#environment[variable] ?? '';
    return value !== '' && value.trim() === '';
  }

  oneOf<const T extends string>(variable: string, choices: readonly T[], standard: T): T {
    const value = this.text(variable);
    if (value === undefined) return standard;
    const choice = choices.find((candidate) => candidate === value);
    if (choice !== undefined) return choice;
    this.problem(variable, value, `one of ${choices.join(', ')}`);
    return standard;
  }

  integer(variable: string, least: number, most: number, standard: number): number {
    const value = this.text(variable);
    if (value === undefined) return standard;
    const number = /^\d{1,9}$/.test(value) ? Number.parseInt(value, 10) : -1;
    if (number >= least && number <= most) return number;
    this.problem(variable, value, `a whole number from ${least} to ${most}`);
    return standard;
  }

  /** A path whose file can be read now, so that a typo is in the report and not in a later error. */
  readableFile(variable: string): string | undefined {
    const path = this.text(variable);
    if (path === undefined) return undefined;
    try {
      this.#readFile(path);
    } catch {
      this.problem(variable, path, 'a file that can be read');
    }
    return path;
  }

  /** A file that another one names. Undefined if it cannot be read. */
  content(path: string): string | undefined {
    try {
      return this.#readFile(path);
    } catch {
      return undefined;
    }
  }

  /** Without a final slash. */
  httpUrl(variable: string): string | undefined {
    const value = this.text(variable);
    if (value === undefined) return undefined;
    const url = URL.canParse(value) ? new URL(value) : undefined;
    const web = url?.protocol === 'http:' || url?.protocol === 'https:';
    if (url !== undefined && web && url.username === '' && url.search === '' && url.hash === '') {
      return value.replace(/\/+$/, '');
    }
    this.problem(variable, value, 'a URL such as https://example.com');
    return undefined;
  }

  /** The variable itself or the content of the file its `_FILE` twin names. */
  secret(variable: string, shape: RegExp, expected: string): Secret | undefined {
    const value = this.#secretText(variable);
    if (value === undefined) return undefined;
    if (shape.test(value)) return new Secret(value);
    this.#secretProblem(variable, value, expected);
    return undefined;
  }

  secretUrl(variable: string, protocols: readonly string[]): Secret | undefined {
    const value = this.#secretText(variable);
    if (value === undefined) return undefined;
    if (URL.canParse(value) && protocols.includes(new URL(value).protocol)) {
      return new Secret(value);
    }
    this.#secretProblem(variable, value, `a URL that begins with ${protocols[0] ?? ''}//`);
    return undefined;
  }

  #secretText(variable: string): string | undefined {
    const twin = `${variable}_FILE`;
    const value = this.text(variable);
    const path = this.text(twin);
    if (path === undefined) return value;
    if (value !== undefined) {
      this.problem(twin, path, `no value, because ${variable} is set too`);
      return undefined;
    }
    try {
      const content = this.#readFile(path).trim();
      if (content !== '') return content;
      this.problem(twin, path, 'a file that is not empty');
    } catch {
      this.problem(twin, path, 'a file that can be read');
    }
    return undefined;
  }

  #secretProblem(variable: string, value: string, expected: string): void {
    const found = `a secret of ${value.length} characters`;
    this.problems.push({ variable, found, expected });
  }
}
