import { isObject } from '#kernel/json';
import { parseStrict } from '#metering/strict-json';

/** One item of a creation, as it came. */
export interface AskedItem {
  readonly number: number;
  readonly customId: string;
  readonly params: unknown;
  /** The item as it stands in the body, its name included: never fewer bytes than its parameters. */
  readonly bytes: Buffer;
}

export type AskedItems<Stop> =
  | { readonly outcome: 'read'; readonly count: number }
  /** `take` wanted no more. */
  | { readonly outcome: 'stopped'; readonly stop: Stop }
  | { readonly outcome: 'invalid'; readonly message: string };

const ITEMS_MAX = 100_000;
const CUSTOM_ID = /^[\x21-\x7e]{1,64}$/;
/** A large body is read in turns, so that streams beside it go on. */
const BYTES_A_TURN = 1_048_576;
const ITEMS_A_TURN = 250;
/** Beside its items a creation has nothing to say. */
const ENVELOPE_BYTES_MAX = 65_536;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

type Invalid = Extract<AskedItems<never>, { outcome: 'invalid' }>;
const invalid = (message: string): Invalid => ({ outcome: 'invalid', message });

/**
 * Reads `{"requests":[…]}` item by item, so that a body of hundreds of megabytes is never one value
 * in memory: each item is handed to `take` and not kept. What `take` answers ends the reading. Each
 * item and what is around them are read strictly: see `strict-json.ts`.
 */
export async function readItems<Stop>(
  body: Buffer,
  take: (item: AskedItem) => Stop | undefined,
): Promise<AskedItems<Stop>> {
  const found = await spansOf(body);
  if (found === undefined) return invalid('The request body is not valid JSON.');
  const wrong = wrongEnvelope(body, found);
  if (wrong !== undefined) return invalid(wrong);
  const { spans, count } = found;
  if (count === 0) return invalid('requests: a batch needs at least one');
  if (count > ITEMS_MAX) {
    const message = `List should have at most ${ITEMS_MAX} items after validation, not ${count}`;
    return invalid(`requests: ${message}`);
  }
  const seen = new Set<string>();
  let turn = 0;
  for (const [number, span] of spans.entries()) {
    const item = readItem(body.subarray(span.from, span.upto), number);
    if (typeof item === 'string') return invalid(item);
    if (seen.has(item.customId)) {
      return invalid(`requests.${number}.custom_id: another item of the batch has it too`);
    }
    seen.add(item.customId);
    const stop = take(item);
    if (stop !== undefined) return { outcome: 'stopped', stop };
    turn += item.bytes.length;
    if (turn > BYTES_A_TURN || number % ITEMS_A_TURN === 0) {
      turn = 0;
      await new Promise(setImmediate);
    }
  }
  return { outcome: 'read', count };
}

function wrongEnvelope(body: Buffer, { from, upto }: Span): string | undefined {
  if (body.length - (upto - from) > ENVELOPE_BYTES_MAX) {
    return 'The request body has more around its requests than there is to say.';
  }
  const parsed = parseStrict(Buffer.concat([body.subarray(0, from), body.subarray(upto)]));
  return parsed.outcome === 'invalid' ? parsed.message : wrongFields(parsed.value);
}

function wrongFields(value: unknown): string | undefined {
  if (!isObject(value)) return 'The request body must be a JSON object.';
  const { requests, ...others } = value;
  const [other] = Object.keys(others);
  if (other !== undefined) return `${other.slice(0, 64)}: Extra inputs are not permitted`;
  if (requests === undefined) return 'requests: Field required';
  // What stood in it was taken out: the first list of the object must have been this one.
  return Array.isArray(requests) ? undefined : 'requests: Input should be a valid list';
}

/** An item is a Messages request, and none of those may be larger: 32 MB. */
const ITEM_BYTES_MAX = 33_554_432;

function readItem(bytes: Buffer, number: number): AskedItem | string {
  if (bytes.length > ITEM_BYTES_MAX) return `requests.${number}: larger than 32 MB`;
  const parsed = parseStrict(bytes);
  if (parsed.outcome === 'invalid') return `requests.${number}: ${parsed.message}`;
  const { value } = parsed;
  if (!isObject(value)) return `requests.${number}: Input should be a valid dictionary`;
  const { custom_id: customId, params, ...others } = value;
  const [other] = Object.keys(others);
  if (other !== undefined) {
    return `requests.${number}.${other.slice(0, 64)}: Extra inputs are not permitted`;
  }
  if (typeof customId !== 'string' || !CUSTOM_ID.test(customId)) {
    return `requests.${number}.custom_id: 1 to 64 letters, digits or signs are needed`;
  }
  if (!isObject(params)) return `requests.${number}.params: Field required`;
  return { number, customId, params, bytes };
}

interface Span {
  readonly from: number;
  readonly upto: number;
}

interface Spans extends Span {
  /** The first of them: no more than a batch may have. */
  readonly spans: readonly Span[];
  readonly count: number;
}

/**
 * Where the elements of the first list of the outermost object begin and end. Nothing here decides
 * whether they are JSON: each is read by itself afterwards.
 */
async function spansOf(body: Buffer): Promise<Spans | undefined> {
  const spans: Span[] = [];
  let count = 0;
  let depth = 0;
  let listFrom = -1;
  let elementFrom = 0;
  let nextPause = BYTES_A_TURN;
  function element(upto: number): void {
    count++;
    if (count <= ITEMS_MAX) spans.push({ from: elementFrom, upto });
    elementFrom = upto + 1;
  }
  for (let at = 0; at < body.length; at++) {
    switch (body[at]) {
      case QUOTE:
        at = stringEnd(body, at + 1);
        break;
      case OPEN_ARRAY:
        depth++;
        if (depth === 2 && listFrom === -1) {
          listFrom = at + 1;
          elementFrom = at + 1;
        }
        break;
      case OPEN_OBJECT:
        depth++;
        break;
      case CLOSE_ARRAY:
      case CLOSE_OBJECT:
        depth--;
        if (depth !== 1 || listFrom === -1) break;
        if (count > 0 || !isBlank(body, elementFrom, at)) element(at);
        return { from: listFrom, upto: at, spans, count };
      case COMMA:
        if (depth === 2 && listFrom !== -1) element(at);
        break;
    }
    if (at > nextPause) {
      nextPause = at + BYTES_A_TURN;
      await new Promise(setImmediate);
    }
  }
  // No list at all: the envelope says what is wrong.
  return listFrom === -1 ? { from: body.length, upto: body.length, spans, count } : undefined;
}

/** Index of the quote that closes the string; the end of the bytes if none does. */
function stringEnd(bytes: Buffer, from: number): number {
  for (let at = from; at < bytes.length; at++) {
    at = bytes.indexOf(QUOTE, at);
    if (at === -1) return bytes.length;
    let escapes = 0;
    while (bytes[at - 1 - escapes] === BACKSLASH) escapes++;
    if (escapes % 2 === 0) return at;
  }
  return bytes.length;
}

function isBlank(bytes: Buffer, from: number, upto: number): boolean {
  for (let at = from; at < upto; at++) {
    const byte = bytes[at];
    if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) return false;
  }
  return true;
}
