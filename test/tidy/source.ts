import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join, posix } from 'node:path';
import ts from 'typescript';

/** One import, export-from, dynamic import or `import('…')` type of a module. */
export interface Import {
  readonly specifier: string;
  readonly line: number;
  readonly typeOnly: boolean;
  /** The file inside the repository it names, or null for packages and Node modules. */
  readonly target: string | null;
}

export interface SourceFile {
  /** From the root of the repository, with forward slashes. */
  readonly path: string;
  readonly text: string;
  /** The text with comments blanked out: line numbers stay, prose cannot break a rule. */
  readonly code: string;
  readonly imports: readonly Import[];
  /** Contents of string and template literals, `${…}` parts left out. */
  readonly literals: readonly { readonly text: string; readonly line: number }[];
  /** Names the file declares: functions, classes, types, variables. */
  readonly names: readonly { readonly text: string; readonly line: number }[];
  /** How many of its statements only pass on what another file exports. */
  readonly passedOn: { readonly reexports: number; readonly statements: number };
}

export interface Finding {
  readonly path: string;
  readonly line: number;
  readonly advice: string;
}

export type Rule = (files: readonly SourceFile[]) => Finding[];

const roots = [
  ...['src', 'web', 'sims', 'test', 'bench', 'conformance'],
  ...['migrations', 'bin', 'scripts', 'docs'],
];
const ignoredFolders = new Set(['node_modules', 'dist', '.out', 'results', '.bursar']);
const readNames = /\.(ts|tsx|mjs|js|css|sql|md|html|json)$/;

/** Reads everything the rules look at, in the order of the paths. */
export function collect(root: string): SourceFile[] {
  const paths: string[] = [];
  const walk = (folder: string): void => {
    for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
      if (ignoredFolders.has(entry.name)) continue;
      const path = posix.join(folder, entry.name);
      if (entry.isDirectory()) walk(path);
      else if (readNames.test(entry.name)) paths.push(path);
    }
  };
  for (const folder of roots) {
    if (statSync(join(root, folder), { throwIfNoEntry: false })?.isDirectory()) walk(folder);
  }
  for (const name of readdirSync(root)) if (readNames.test(name)) paths.push(name);
  return paths.sort().map((path) => sourceFile(path, readFileSync(join(root, path), 'utf8')));
}

/** Reads one file; the same for real files and for planted ones. */
export function sourceFile(path: string, text: string): SourceFile {
  if (!isModule(path)) {
    const code = path.endsWith('.sql') ? blankSqlComments(text) : text;
    const passedOn = { reexports: 0, statements: 0 };
    return { path, text, code, imports: [], literals: [], names: [], passedOn };
  }
  const kind = path.endsWith('x') ? ts.ScriptKind.TSX : ts.ScriptKind.TS;
  const tree = ts.createSourceFile(path, text, ts.ScriptTarget.ESNext, true, kind);
  const reader = new ModuleReader(path, tree);
  reader.visit(tree);
  const reexports = tree.statements.filter(
    (statement) => ts.isExportDeclaration(statement) && statement.moduleSpecifier !== undefined,
  ).length;
  return {
    path,
    text,
    code: reader.codeWithoutComments(),
    imports: reader.imports,
    literals: reader.literals,
    names: reader.names,
    passedOn: { reexports, statements: tree.statements.length },
  };
}

export function isModule(path: string): boolean {
  return /\.(ts|tsx|mjs|js)$/.test(path);
}

export function isTest(path: string): boolean {
  return /\.test\.tsx?$/.test(path) || path.startsWith('test/');
}

/** One finding per match of a pattern (global) in the code of a file. */
export function matches(file: SourceFile, pattern: RegExp, advice: string): Finding[] {
  return [...file.code.matchAll(pattern)].map((match) => ({
    path: file.path,
    line: lineAt(file.code, match.index),
    advice: `${match[0].trim().slice(0, 60)}: ${advice}`,
  }));
}

export function lineAt(text: string, offset: number): number {
  let line = 1;
  for (let at = text.indexOf('\n'); at !== -1 && at < offset; at = text.indexOf('\n', at + 1)) {
    line += 1;
  }
  return line;
}

/** Where a specifier leads inside the repository: `#zone/x` and relative ones; else null. */
export function resolveImport(from: string, specifier: string): string | null {
  if (specifier.startsWith('.')) return posix.normalize(posix.join(posix.dirname(from), specifier));
  const address = /^#([\w-]+)\/(.+)$/.exec(specifier);
  if (address === null) return null;
  const [, zone = '', rest = ''] = address;
  const file = /\.\w+$/.test(rest) ? rest : `${rest}.ts`;
  const special: Readonly<Record<string, string>> = {
    src: 'src',
    sims: 'sims',
    test: 'test/support',
  };
  return posix.join(special[zone] ?? `src/${zone}`, file);
}

function blankSqlComments(text: string): string {
  return text.replace(/--[^\n]*|\/\*[\s\S]*?\*\//g, (comment) => comment.replace(/[^\n]/g, ' '));
}

/** `import type …`, and `import { type A, type B }` as well. */
function onlyTypes(clause: ts.ImportClause | undefined): boolean {
  if (clause === undefined) return false;
  if (clause.phaseModifier === ts.SyntaxKind.TypeKeyword) return true;
  const { name, namedBindings } = clause;
  if (name !== undefined || namedBindings === undefined) return false;
  if (!ts.isNamedImports(namedBindings) || namedBindings.elements.length === 0) return false;
  return namedBindings.elements.every((element) => element.isTypeOnly);
}

class ModuleReader {
  readonly imports: Import[] = [];
  readonly literals: { text: string; line: number }[] = [];
  readonly names: { text: string; line: number }[] = [];
  readonly #path: string;
  readonly #tree: ts.SourceFile;
  readonly #trivia: [number, number][] = [];

  constructor(path: string, tree: ts.SourceFile) {
    this.#path = path;
    this.#tree = tree;
  }

  visit(node: ts.Node): void {
    if (ts.isJSDoc(node)) return;
    this.#readImport(node);
    this.#readLiteral(node);
    this.#readName(node);
    const children = node.getChildren(this.#tree);
    // Trivia of a token is white space and comments, never code.
    if (children.length === 0) this.#trivia.push([node.pos, node.getStart(this.#tree)]);
    for (const child of children) this.visit(child);
  }

  codeWithoutComments(): string {
    const { text } = this.#tree;
    let code = '';
    let from = 0;
    for (const [start, end] of this.#trivia) {
      if (start < from) continue;
      code += text.slice(from, start) + text.slice(start, end).replace(/[^\n]/g, ' ');
      from = end;
    }
    return code + text.slice(from);
  }

  #line(node: ts.Node): number {
    return this.#tree.getLineAndCharacterOfPosition(node.getStart(this.#tree)).line + 1;
  }

  #readImport(node: ts.Node): void {
    const add = (specifier: ts.Node | undefined, typeOnly: boolean): void => {
      if (specifier === undefined || !ts.isStringLiteralLike(specifier)) return;
      const target = resolveImport(this.#path, specifier.text);
      const line = this.#line(node);
      this.imports.push({ specifier: specifier.text, line, typeOnly, target });
    };
    if (ts.isImportDeclaration(node)) {
      add(node.moduleSpecifier, onlyTypes(node.importClause));
    } else if (ts.isExportDeclaration(node)) {
      add(node.moduleSpecifier, node.isTypeOnly);
    } else if (ts.isImportTypeNode(node)) {
      add(ts.isLiteralTypeNode(node.argument) ? node.argument.literal : undefined, true);
    } else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      add(node.arguments[0], false);
    }
  }

  #readLiteral(node: ts.Node): void {
    if (ts.isStringLiteralLike(node)) {
      this.literals.push({ text: node.text, line: this.#line(node) });
    } else if (ts.isTemplateExpression(node)) {
      const parts = [node.head.text, ...node.templateSpans.map((span) => span.literal.text)];
      this.literals.push({ text: parts.join(' '), line: this.#line(node) });
    }
  }

  #readName(node: ts.Node): void {
    const named =
      ts.isFunctionDeclaration(node) ||
      ts.isClassDeclaration(node) ||
      ts.isInterfaceDeclaration(node) ||
      ts.isTypeAliasDeclaration(node) ||
      ts.isVariableDeclaration(node);
    if (!named || node.name === undefined || !ts.isIdentifier(node.name)) return;
    this.names.push({ text: node.name.text, line: this.#line(node) });
  }
}
