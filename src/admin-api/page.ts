import { z } from 'zod';

const NAME_FORM = 'expected a name of 1 to 200 characters, none of them a control character';

/** Of a key or a workspace. */
export const nameText = z
  .string({ error: NAME_FORM })
  .trim()
  .min(1, { error: NAME_FORM })
  .max(200, { error: NAME_FORM })
  .regex(/^\P{Cc}*$/u, { error: NAME_FORM });

/** A page as the public API shows it; `id` names it in the documentation. */
export const pageIn = <T extends z.ZodType>(item: T, id: string) =>
  z
    .object({
      data: z.array(item),
      has_more: z.boolean(),
      first_id: z.string().nullable(),
      last_id: z.string().nullable(),
    })
    .meta({ id });

interface PageQuery {
  readonly limit: number;
  readonly after_id?: string | undefined;
  readonly before_id?: string | undefined;
}

export interface Page<T> {
  readonly data: T[];
  readonly has_more: boolean;
  readonly first_id: string | null;
  readonly last_id: string | null;
}

/** A page of a list that is known whole; `has_more` is of the direction that was asked for. */
export function pageOf<T extends { readonly id: string }>(
  all: readonly T[],
  { limit, after_id: after, before_id: before }: PageQuery,
): { outcome: 'page'; page: Page<T> } | { outcome: 'unknown_id'; message: string } {
  const id = after ?? before;
  const at = id === undefined ? -1 : all.findIndex((one) => one.id === id);
  if (id !== undefined && at === -1) {
    const name = after === undefined ? 'before_id' : 'after_id';
    const found = JSON.stringify(id.slice(0, 80));
    const message = `${name}: found ${found}, expected the id of something in this list`;
    return { outcome: 'unknown_id', message };
  }
  const from = before === undefined ? at + 1 : Math.max(0, at - limit);
  const to = before === undefined ? Math.min(all.length, from + limit) : at;
  const data = all.slice(from, to);
  return {
    outcome: 'page',
    page: {
      data,
      has_more: before === undefined ? to < all.length : from > 0,
      first_id: data[0]?.id ?? null,
      last_id: data.at(-1)?.id ?? null,
    },
  };
}
