import { isObject } from '#kernel/json';
import { type Expectation, type Folded, foldBatchMessage } from './fold.ts';

/** One line of a batch's results: which request of the batch it answers, and what it costs (S18). */
export type BatchItem =
  | { readonly outcome: 'item'; readonly customId: string; readonly folded: Folded }
  /** It does not even say which request it answers: nothing can be settled by it. */
  | { readonly outcome: 'unreadable'; readonly reason: string };

const CUSTOM_ID_CHARS_MAX = 256;
/** How an item ends that the customer does not pay for. */
const FREE: ReadonlySet<unknown> = new Set(['errored', 'canceled', 'expired']);

/**
 * Reads `{custom_id, result}`, parsed. `expectationOf` gives what that request of the batch allowed.
 * An item that neither succeeded nor ended in a way this release knows is quarantined (S12): it is
 * neither charged nor free in silence.
 */
export function foldBatchItem(
  line: unknown,
  expectationOf: (customId: string) => Expectation | undefined = () => undefined,
): BatchItem {
  if (!isObject(line)) return { outcome: 'unreadable', reason: 'the line is not an object' };
  const { custom_id: customId, result } = line;
  if (typeof customId !== 'string' || customId === '' || customId.length > CUSTOM_ID_CHARS_MAX) {
    return { outcome: 'unreadable', reason: 'the line names no request' };
  }
  return { outcome: 'item', customId, folded: foldResult(result, () => expectationOf(customId)) };
}

function foldResult(result: unknown, expectation: () => Expectation | undefined): Folded {
  const type = isObject(result) ? result.type : undefined;
  if (isObject(result) && type === 'succeeded') {
    return foldBatchMessage(result.message, expectation());
  }
  const nothing = { chargeable: false, usage: null, model: null } as const;
  if (FREE.has(type)) return { ...nothing, rule: 'S18', reason: 'the item did not succeed' };
  return { ...nothing, rule: 'S12', reason: 'the item ended in an unknown way' };
}
