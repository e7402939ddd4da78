import { fileURLToPath } from 'node:url';
import ts from 'typescript';

export interface ShapeChecker {
  /** Every way in which `value` differs from the SDK's type of the object `name`. */
  problems(name: string, value: unknown): string[];
  names: string[];
}

/** Reads the declarations of the installed SDK with the TypeScript compiler. Takes seconds. */
export function loadShapes(): ShapeChecker {
  const file = fileURLToPath(new URL('./stripe-shapes.ts', import.meta.url));
  const program = ts.createProgram([file], {
    strict: true,
    noEmit: true,
    skipLibCheck: true,
    target: ts.ScriptTarget.ESNext,
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    types: ['node'],
  });
  const checker = program.getTypeChecker();
  const source = program.getSourceFile(file);
  const shapes = source?.statements.find(ts.isInterfaceDeclaration);
  if (shapes === undefined) throw new Error('stripe-shapes.ts declares no interface');
  const walker = new Walker(checker, shapes);
  const byName = new Map(
    checker
      .getTypeAtLocation(shapes)
      .getProperties()
      .map((property) => [property.name, checker.getTypeOfSymbolAtLocation(property, shapes)]),
  );
  return {
    names: [...byName.keys()],
    problems(name, value) {
      const type = byName.get(name);
      return type === undefined ? [`no type for ${name}`] : walker.check(type, value, name);
    },
  };
}

class Walker {
  readonly #checker: ts.TypeChecker;
  readonly #place: ts.Node;

  constructor(checker: ts.TypeChecker, place: ts.Node) {
    this.#checker = checker;
    this.#place = place;
  }

  check(type: ts.Type, value: unknown, path: string): string[] {
    if (type.flags & (ts.TypeFlags.Any | ts.TypeFlags.Unknown)) return [];
    const members = type.isUnion() ? type.types : [type];
    if (value === null) return has(members, ts.TypeFlags.Null) ? [] : [`${path}: must not be null`];
    if (typeof value === 'string') return this.#checkString(members, value, path);
    if (typeof value === 'number') {
      const fits = members.some((m) => m.flags & ts.TypeFlags.NumberLike);
      return fits ? [] : [`${path}: must not be a number`];
    }
    if (typeof value === 'boolean') {
      const fits = members.some(
        (m) =>
          m.flags & ts.TypeFlags.Boolean ||
          (m.flags & ts.TypeFlags.BooleanLiteral && this.#checker.typeToString(m) === `${value}`),
      );
      return fits ? [] : [`${path}: must not be ${value}`];
    }
    if (typeof value === 'object') return this.#checkObject(members, value, path);
    return [`${path}: unexpected ${typeof value}`];
  }

  /** Open enums are `'a' | 'b' | (string & {})`; the simulator keeps to the known literals. */
  #checkString(members: readonly ts.Type[], value: string, path: string): string[] {
    if (members.some((m) => m.flags & ts.TypeFlags.String)) return [];
    if (members.some((m) => m.symbol?.name === 'Decimal')) {
      return /^-?\d+(\.\d+)?$/.test(value) ? [] : [`${path}: '${value}' is not a decimal`];
    }
    const literals = members.filter((m) => m.isStringLiteral()).map((m) => m.value);
    if (literals.includes(value)) return [];
    if (literals.length > 0) return [`${path}: '${value}' is not a known value`];
    return members.some((m) => m.isIntersection()) ? [] : [`${path}: must not be a string`];
  }

  #checkObject(members: readonly ts.Type[], value: object, path: string): string[] {
    const candidates = members.filter((m) => m.flags & ts.TypeFlags.Object);
    const fitting = candidates.filter((m) => this.#sameKind(m, value));
    let fewest: string[] | undefined;
    for (const candidate of fitting) {
      const found = this.#checkAgainst(candidate, value, path);
      if (found.length === 0) return [];
      if (fewest === undefined || found.length < fewest.length) fewest = found;
    }
    return fewest ?? [`${path}: no type of the SDK fits this object`];
  }

  /** Unions of resources are told apart by `object`, unions of events by `type`. */
  #sameKind(type: ts.Type, value: object): boolean {
    return ['object', 'type'].every((key) => {
      const expected = this.#typeOf(type, key);
      const actual = new Map<string, unknown>(Object.entries(value)).get(key);
      return !expected?.isStringLiteral() || expected.value === actual;
    });
  }

  #checkAgainst(type: ts.Type, value: object, path: string): string[] {
    if (this.#checker.isArrayType(type)) {
      if (!Array.isArray(value)) return [`${path}: must be an array`];
      const element = this.#checker.getTypeArguments(type as ts.TypeReference)[0];
      if (element === undefined) return [];
      return value.flatMap((entry, at) => this.check(element, entry, `${path}[${at}]`));
    }
    if (Array.isArray(value)) return [`${path}: must not be an array`];
    const anyKey = this.#checker.getIndexInfosOfType(type)[0]?.type;
    const problems: string[] = [];
    for (const [key, entry] of Object.entries(value)) {
      const expected = this.#typeOf(type, key) ?? anyKey;
      if (expected === undefined) problems.push(`${path}.${key}: unknown key`);
      else problems.push(...this.check(expected, entry, `${path}.${key}`));
    }
    for (const property of this.#checker.getPropertiesOfType(type)) {
      const optional = property.flags & ts.SymbolFlags.Optional;
      const isMethod = property.flags & ts.SymbolFlags.Method;
      if (optional || isMethod || property.name in value) continue;
      problems.push(`${path}.${property.name}: missing`);
    }
    return problems;
  }

  #typeOf(type: ts.Type, key: string): ts.Type | undefined {
    const property = this.#checker.getPropertyOfType(type, key);
    return property && this.#checker.getTypeOfSymbolAtLocation(property, this.#place);
  }
}

function has(types: readonly ts.Type[], flag: ts.TypeFlags): boolean {
  return types.some((type) => type.flags & flag);
}
