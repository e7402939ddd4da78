import { invalid } from './error.ts';

export interface Tree {
  [key: string]: string | Tree;
}

export interface Form {
  /** Parameter names as they were sent, for refusals that must name them. */
  names: string[];
  tree: Tree;
}

const DEPTH_MAX = 10;

/** Decodes `application/x-www-form-urlencoded` with brackets, the encoding of Stripe's API. */
export function decodeForm(encoded: string): Form {
  const form: Form = { names: [], tree: emptyTree() };
  for (const [name, value] of new URLSearchParams(encoded)) {
    form.names.push(name);
    put(form.tree, segmentsOf(name), name, value);
  }
  return form;
}

export function segmentsOf(name: string): string[] {
  const head = name.split('[', 1)[0] ?? name;
  const rest = name.slice(head.length);
  const inner = [...rest.matchAll(/\[([^[\]]*)\]/g)].map((match) => match[1] ?? '');
  const segments = [head, ...inner];
  if (segments.length > DEPTH_MAX) throw invalid(`Parameter nested too deeply: ${name}`, name);
  return segments;
}

function put(tree: Tree, segments: string[], name: string, value: string): void {
  let node = tree;
  const last = segments.length - 1;
  for (const [position, segment] of segments.entries()) {
    const key = segment === '' ? String(Object.keys(node).length) : segment;
    if (position === last) {
      node[key] = value;
      return;
    }
    const next = node[key] ?? emptyTree();
    if (typeof next === 'string') throw invalid(`Invalid parameter: ${name}`, name);
    node[key] = next;
    node = next;
  }
}

/** Without a prototype, so a parameter called `__proto__` is a parameter like any other. */
function emptyTree(): Tree {
  return Object.create(null) as Tree;
}
