import { isObject } from '#kernel/json';

/** What a request names of the operator's account, where the upstream would let anybody use it. */
export interface NamedThings {
  readonly files: Set<string>;
  readonly containers: Set<string>;
  readonly skills: Set<string>;
}

export const nothingNamed = (): NamedThings => ({
  files: new Set(),
  containers: new Set(),
  skills: new Set(),
});

/** Any spelling of a key: JSON may escape every letter of it. */
const spelled = (key: string): string =>
  [...key]
    .map((letter) => {
      const code = letter.charCodeAt(0).toString(16);
      const [high = '', low = ''] = code;
      return `(?:${letter}|\\\\u00${high}[${low}${low.toUpperCase()}])`;
    })
    .join('');
const KEY = new RegExp(`"(?:${spelled('file_id')}|${spelled('container')})"[ \\t\\r\\n]*:`);

/**
 * Whether a body has to be read for what it names. Most hold neither word nor the beginning of an
 * escaped letter: for them this is all, and no copy is made.
 */
export const mayName = (body: Buffer): boolean =>
  (body.includes('file_id') || body.includes('"container"') || body.includes('\\u00')) &&
  KEY.test(body.toString('latin1'));

/** Adds what a parsed Messages request names. */
export function namedIn(request: unknown, into: NamedThings): void {
  if (isObject(request)) containerIn(request.container, into);
  filesIn(request, into.files);
}

/** A container by its id, or by an object with its id and the skills it is to have. */
function containerIn(container: unknown, { containers, skills }: NamedThings): void {
  if (typeof container === 'string') containers.add(container);
  if (!isObject(container)) return;
  if (typeof container.id === 'string') containers.add(container.id);
  if (!Array.isArray(container.skills)) return;
  for (const skill of container.skills) {
    // Those of the API are everybody's.
    if (!isObject(skill) || skill.type === 'anthropic') continue;
    if (typeof skill.skill_id === 'string') skills.add(skill.skill_id);
  }
}

/** Whatever is under a key "file_id", at any depth. */
function filesIn(request: unknown, found: Set<string>): void {
  const waiting: unknown[] = [request];
  while (waiting.length > 0) {
    const next = waiting.pop();
    if (Array.isArray(next)) for (const item of next) waiting.push(item);
    if (!isObject(next)) continue;
    for (const [key, value] of Object.entries(next)) {
      // What a model gave a tool of the customer's is for that tool to read.
      if (key === 'input' && next.type === 'tool_use') continue;
      if (key === 'file_id' && typeof value === 'string') found.add(value);
      else waiting.push(value);
    }
  }
}
