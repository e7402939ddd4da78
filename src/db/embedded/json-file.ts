import { readFileSync } from 'node:fs';

/** The text fields of a JSON object in a file; undefined if it is not that, or misses one. */
export function readTextFields<const Name extends string>(
  path: string,
  names: readonly Name[],
): Record<Name, string> | undefined {
  let content: unknown;
  try {
    content = JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return undefined;
  }
  return textFields(content, names);
}

/** The same for a value that was read already. */
export function textFields<const Name extends string>(
  content: unknown,
  names: readonly Name[],
): Record<Name, string> | undefined {
  if (typeof content !== 'object' || content === null) return undefined;
  const values = new Map(Object.entries(content));
  const fields: Partial<Record<Name, string>> = {};
  for (const name of names) {
    const value: unknown = values.get(name);
    if (typeof value !== 'string') return undefined;
    fields[name] = value;
  }
  return complete(fields, names) ? fields : undefined;
}

const complete = <Name extends string>(
  fields: Partial<Record<Name, string>>,
  names: readonly Name[],
): fields is Record<Name, string> => names.every((name) => fields[name] !== undefined);
