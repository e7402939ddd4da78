import { z } from 'zod';

const PAGE_MAX = 1_000;
const PAGE_USUAL = 20;
const count = `expected a whole number from 1 to ${PAGE_MAX}`;
const id = z.string({ error: 'expected one id' }).optional();

/**
 * The fields of a list that is read page by page, as the public API has them: the next page comes
 * after the last id seen, the one before it before the first.
 */
export const pageFields = {
  limit: z.coerce
    .number({ error: count })
    .int({ error: count })
    .min(1, { error: count })
    .max(PAGE_MAX, { error: count })
    .default(PAGE_USUAL),
  after_id: id,
  before_id: id,
};

interface Cursors {
  readonly after_id?: string | undefined;
  readonly before_id?: string | undefined;
}

/** For `refine`: a page is on one side of an id. */
export const onOneSide = ({ after_id: after, before_id: before }: Cursors): boolean =>
  after === undefined || before === undefined;
export const BOTH_SIDES = {
  path: ['before_id'],
  error: 'expected none, because after_id is given too',
};
