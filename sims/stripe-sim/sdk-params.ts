import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

/** One way in which a request is not what the SDK declares. */
export type Problem = string;

/** Parameters by the types of the installed SDK. Reading them takes seconds. */
export interface SdkParams {
  /** Addresses as `POST /v1/customers/:id`. */
  readonly addresses: readonly string[];
  /** Whether parameters of this name exist: dotted, `#` for an index, `*` for any key. */
  nameProblems(address: string, names: readonly string[]): Problem[];
  /** The same for parameters as on the wire, with their values and all that must be there. */
  problems(address: string, params: readonly (readonly [string, string])[]): Problem[];
}

export function loadSdkParams(): SdkParams {
  const file = fileURLToPath(new URL('./sdk-client.ts', import.meta.url));
  const program = ts.createProgram([file], {
    ...{ strict: true, noEmit: true, skipLibCheck: true, types: ['node'] },
    target: ts.ScriptTarget.ESNext,
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
  });
  const source = program.getSourceFile(file);
  const client = source?.statements.find(ts.isTypeAliasDeclaration);
  if (client === undefined) throw new Error('sdk-client.ts names no client');
  const walker = new ParamsWalker(program.getTypeChecker(), client);
  const types = walker.byAddress(addressesByMethod());
  return {
    addresses: [...types.keys()],
    nameProblems: (address, names) =>
      names.flatMap((name) => {
        const type = types.get(address);
        const known = type !== undefined && walker.knows(type, name.split('.'));
        return known ? [] : [`${address}: the SDK declares no ${name}`];
      }),
    problems(address, params) {
      const tree = treeOf(params);
      const type = types.get(address);
      if (!types.has(address)) return [`${address}: the SDK calls nothing there`];
      if (type === undefined) return Object.keys(tree).map((name) => `${address}: no ${name}`);
      return walker.check(type, tree, address);
    },
  };
}

interface Tree {
  [name: string]: string | Tree;
}

/** `a[b][0]=c` as `{a: {b: {0: 'c'}}}`. */
function treeOf(params: readonly (readonly [string, string])[]): Tree {
  const root: Tree = {};
  for (const [name, value] of params) {
    const keys = name.split(/[[\]]+/).filter((key) => key !== '');
    const last = keys.pop() ?? name;
    let node = root;
    for (const key of keys) {
      const next = node[key];
      const inner = typeof next === 'object' ? next : {};
      node[key] = inner;
      node = inner;
    }
    node[last] = value;
  }
  return root;
}

/** Two resources may bear one name (`SessionResource`), never one file. */
const ownerIn = (file: string): string =>
  file.replace(/^.*[/\\]resources[/\\]/, '').replace(/(\.d\.ts|\.js)$/, '');

/** `Customers.create` and its like, each with the address it calls. */
function addressesByMethod(): Map<string, string> {
  const folder = join(dirname(createRequire(import.meta.url).resolve('stripe')), 'resources');
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  const found = new Map<string, string>();
  for (const file of files.filter((name) => name.endsWith('.js'))) {
    const text = readFileSync(join(folder, file), 'utf8');
    const owner = ownerIn(join(folder, file));
    let method = '';
    const parts = /^ {4}(\w+)\([\w, ]*\) \{|'(GET|POST|DELETE)',\s*[`'](\/v1\/[^`']+)/gm;
    for (const [, called, verb, path] of text.matchAll(parts)) {
      method = called ?? method;
      if (verb === undefined || path === undefined) continue;
      const address = `${verb} ${path.replaceAll(/\$\{[^}]+\}|\{[^}]+\}/g, ':id')}`;
      found.set(`${owner}.${method}`, address);
    }
  }
  return found;
}

class ParamsWalker {
  readonly #checker: ts.TypeChecker;
  readonly #place: ts.TypeAliasDeclaration;

  constructor(checker: ts.TypeChecker, place: ts.TypeAliasDeclaration) {
    this.#checker = checker;
    this.#place = place;
  }

  byAddress(addresses: ReadonlyMap<string, string>): Map<string, ts.Type | undefined> {
    const found = new Map<string, ts.Type | undefined>();
    const visit = (resource: ts.Type, depth: number): void => {
      const owner = ownerIn(resource.symbol?.declarations?.[0]?.getSourceFile().fileName ?? '');
      for (const property of this.#checker.getPropertiesOfType(resource)) {
        const type = this.#checker.getTypeOfSymbolAtLocation(property, this.#place);
        const address = addresses.get(`${owner}.${property.name}`);
        if (address !== undefined) found.set(address, this.#paramsOf(type));
        const inner = type.symbol?.name ?? '';
        // `testHelpers.issuing` is a group of resources within a group.
        const named = depth === 0 || (depth === 1 && property.name !== 'stripe');
        const group = /Resource$/.test(inner) || (named && type.symbol !== undefined);
        if (group && depth < 3 && type.getCallSignatures().length === 0) visit(type, depth + 1);
      }
    };
    visit(this.#checker.getTypeAtLocation(this.#place), 0);
    return found;
  }

  /** The `params` of the longest overload; undefined where a call takes none. */
  #paramsOf(method: ts.Type): ts.Type | undefined {
    for (const signature of method.getCallSignatures()) {
      const params = signature.getParameters().find(({ name }) => name === 'params');
      if (params === undefined) continue;
      return this.#checker.getTypeOfSymbolAtLocation(params, this.#place);
    }
    return undefined;
  }

  knows(type: ts.Type, path: readonly string[]): boolean {
    const [head, ...rest] = path;
    if (head === undefined) return true;
    return this.#membersOf(type).some((member) => {
      // An open end: of metadata, or of an object the simulator takes in without reading it.
      if (head === '*') return (member.flags & ts.TypeFlags.Object) !== 0;
      const next = head === '#' ? this.#elementOf(member) : this.#propertyOf(member, head);
      return next !== undefined && this.knows(next, rest);
    });
  }

  check(type: ts.Type, value: string | Tree, path: string): Problem[] {
    const members = this.#membersOf(type);
    if (typeof value === 'string') {
      return members.some((member) => this.#takes(member, value))
        ? []
        : [`${path}: '${value}' is not what the SDK declares`];
    }
    let fewest: Problem[] | undefined;
    for (const member of members.filter((each) => each.flags & ts.TypeFlags.Object)) {
      const problems = this.#checkObject(member, value, path);
      if (fewest === undefined || problems.length < fewest.length) fewest = problems;
    }
    return fewest ?? [`${path}: must not have parts`];
  }

  #checkObject(type: ts.Type, value: Tree, path: string): Problem[] {
    const element = this.#elementOf(type);
    if (element !== undefined) {
      return Object.entries(value).flatMap(([at, each]) =>
        /^\d*$/.test(at) ? this.check(element, each, `${path}[]`) : [`${path}: must be a list`],
      );
    }
    const problems = Object.entries(value).flatMap(([name, each]) => {
      const expected = this.#propertyOf(type, name);
      if (expected === undefined) return [`${path}.${name}: unknown parameter`];
      return this.check(expected, each, `${path}.${name}`);
    });
    const lacks = this.#checker
      .getPropertiesOfType(type)
      .filter(({ flags, name }) => !(flags & ts.SymbolFlags.Optional) && !(name in value));
    return [...problems, ...lacks.map(({ name }) => `${path}.${name}: missing`)];
  }

  /** Numbers and flags are text on the wire; an empty value unsets where the types allow it. */
  #takes(member: ts.Type, value: string): boolean {
    if (member.isStringLiteral()) return member.value === value;
    if (member.flags & ts.TypeFlags.NumberLike) return /^-?\d+(\.\d+)?$/.test(value);
    if (member.flags & ts.TypeFlags.BooleanLike) return value === 'true' || value === 'false';
    if (member.flags & ts.TypeFlags.Null) return value === '';
    if (member.symbol?.name === 'Decimal') return /^-?\d+(\.\d+)?$/.test(value);
    // Not `string & {}`: that only lets a new literal through, which we do not send.
    return (member.flags & ts.TypeFlags.String) !== 0;
  }

  #membersOf(type: ts.Type): readonly ts.Type[] {
    return type.isUnion() ? type.types : [type];
  }

  #elementOf(type: ts.Type): ts.Type | undefined {
    if (!this.#checker.isArrayType(type)) return undefined;
    return this.#checker.getIndexTypeOfType(type, ts.IndexKind.Number);
  }

  #anyKey(type: ts.Type): ts.Type | undefined {
    return this.#checker.getIndexTypeOfType(type, ts.IndexKind.String);
  }

  #propertyOf(type: ts.Type, name: string): ts.Type | undefined {
    const property = this.#checker.getPropertyOfType(type, name);
    if (property === undefined) return this.#anyKey(type);
    return this.#checker.getTypeOfSymbolAtLocation(property, this.#place);
  }
}
