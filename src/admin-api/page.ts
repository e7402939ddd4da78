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
