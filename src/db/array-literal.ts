/** Characters that need no quotes in an array's text form. Whatever else there is gets them. */
const PLAIN = /^[\w.:+-]+$/;
const NULL = /^null$/i;
const TO_ESCAPE = /[\\"]/g;

/**
 * An array in PostgreSQL's text form. The driver would quote every element and look through it
 * twice; the columns of a batch are mostly ids and numbers, and often the same ones.
 * Undefined if an element is of a kind only the driver knows, such as bytes.
 */
export function arrayLiteral(values: readonly unknown[]): string | undefined {
  let text = '{';
  let last: unknown;
  let written = '';
  for (const [index, value] of values.entries()) {
    if (index > 0) text += ',';
    if (index === 0 || value !== last) {
      const element = elementOf(value);
      if (element === undefined) return undefined;
      last = value;
      written = element;
    }
    text += written;
  }
  return `${text}}`;
}

function elementOf(value: unknown): string | undefined {
  switch (typeof value) {
    case 'string':
      return PLAIN.test(value) && !NULL.test(value)
        ? value
        : `"${value.replace(TO_ESCAPE, '\\$&')}"`;
    case 'number':
    case 'bigint':
    case 'boolean':
      return String(value);
    default:
      if (value === null || value === undefined) return 'NULL';
      return value instanceof Date ? `"${value.toISOString()}"` : undefined;
  }
}
