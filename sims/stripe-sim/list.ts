import { invalid, missing } from './error.ts';
import type { Params } from './params.ts';
import type { Call } from './sim.ts';

interface Listed {
  id: string;
  created: number;
}

interface Page<T> {
  object: 'list';
  url: string;
  has_more: boolean;
  data: T[];
}

/** One page of `rows` (newest first) with Stripe's cursors and `created` filters. */
export function page<T extends Listed>(call: Call, url: string, rows: T[]): Page<T> {
  const { params } = call;
  const wanted = createdFilter(params);
  return cut(
    params,
    url,
    rows.filter((row) => wanted(row.created)),
    rows,
  );
}

/** One page of rows that carry no time of their own. */
export function plainPage<T extends { id: string }>(call: Call, url: string, rows: T[]): Page<T> {
  return cut(call.params, url, rows, rows);
}

function cut<T extends { id: string }>(
  params: Params,
  url: string,
  matching: T[],
  known: T[],
): Page<T> {
  const limit = params.integer('limit') ?? 10;
  if (limit < 1 || limit > 100) throw invalid(`Invalid limit: ${limit}`, 'limit');
  const after = params.text('starting_after');
  const before = params.text('ending_before');
  if (after !== undefined && before !== undefined) {
    throw invalid('Pass starting_after or ending_before, not both.', 'ending_before');
  }
  if (before !== undefined) {
    const end = position(matching, known, before, 'ending_before');
    const start = Math.max(0, end - limit);
    return { object: 'list', url, has_more: start > 0, data: matching.slice(start, end) };
  }
  const start = after === undefined ? 0 : position(matching, known, after, 'starting_after') + 1;
  const data = matching.slice(start, start + limit);
  return { object: 'list', url, has_more: start + data.length < matching.length, data };
}

function position<T extends { id: string }>(
  matching: T[],
  known: T[],
  id: string,
  param: string,
): number {
  const at = matching.findIndex((row) => row.id === id);
  if (at >= 0) return at;
  if (!known.some((row) => row.id === id)) throw missing('object', id, param);
  throw invalid(`The object ${id} is not part of this list.`, param);
}

function createdFilter(params: Params): (created: number) => boolean {
  const exactly = params.integer('created');
  const gt = params.integer('created.gt');
  const gte = params.integer('created.gte');
  const lt = params.integer('created.lt');
  const lte = params.integer('created.lte');
  return (created) =>
    (exactly === undefined || created === exactly) &&
    (gt === undefined || created > gt) &&
    (gte === undefined || created >= gte) &&
    (lt === undefined || created < lt) &&
    (lte === undefined || created <= lte);
}
