export type JsonRecord = Readonly<Record<string, unknown>>;

export const isRecord = (value: unknown): value is JsonRecord =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** What is no list has no elements. */
export const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
