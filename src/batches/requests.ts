import { isObject } from '#kernel/json';
import { parseStrict } from '#metering/strict-json';

/** One item of a creation, as it came. */
export interface AskedItem {
  readonly number: number;
  readonly customId: string;
  readonly params: unknown;
  /** What the item takes of the body, its name included: never fewer bytes than its parameters. */
  readonly bytes: number;
}

export type AskedItems =
  | { readonly outcome: 'read'; readonly items: AskedItem[] }
  | { readonly outcome: 'invalid' | 'too_many'; readonly message: string };

const ITEMS_MAX = 100_000;
const CUSTOM_ID = /^[\x21-\x7e]{1,64}$/;
/** A large body is read in turns, so that streams beside it go on. */
const BYTES_A_TURN = 1_048_576;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const OPEN = new Set([0x5b, 0x7b]);
const CLOSE = new Set([0x5d, 0x7d]);

const invalid = (message: string): AskedItems => ({ outcome: 'invalid', message });

/**
 * Reads `{"requests":[…]}` item by item, so that a body of hundreds of megabytes is never one value
 * in memory. Each item and what is around them are read strictly: see `strict-json.ts`.
 */
export async function readItems(body: Buffer): Promise<AskedItems> {
  const found = await spansOf(body);
  if (found === undefined) return invalid('The request body is not valid JSON.');
  const around = Buffer.concat([body.subarray(0, found.from), body.subarray(found.upto)]);
  const envelope = parseStrict(around);
  if (envelope.outcome === 'invalid') return invalid(envelope.message);
  const wrong = wrongEnvelope(envelope.value);
  if (wrong !== undefined) return invalid(wrong);
  const { spans } = found;
  if (spans.length === 0) return invalid('requests: a batch needs at least one');
  if (spans.length > ITEMS_MAX) {
    return { outcome: 'too_many', message: `requests: at most ${ITEMS_MAX} in a batch` };
  }
  const items: AskedItem[] = [];
  const seen = new Set<string>();
  let turn = 0;
  for (const [number, span] of spans.entries()) {
    const item = readItem(body.subarray(span.from, span.upto), number);
    if (typeof item === 'string') return invalid(item);
    if (seen.has(item.customId)) {
      return invalid(`requests.${number}.custom_id: another item of the batch has it too`);
    }
    seen.add(item.customId);
    items.push(item);
    turn += item.bytes;
    if (turn > BYTES_A_TURN) {
      turn = 0;
      await new Promise(setImmediate);
    }
  }
  return { outcome: 'read', items };
}

function wrongEnvelope(value: unknown): string | undefined {
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
  return { number, customId, params, bytes: bytes.length };
}

interface Span {
  readonly from: number;
  readonly upto: number;
}

/**
 * Where the elements of the first list of the outermost object begin and end. Nothing here decides
 * whether they are JSON: each is read by itself afterwards.
 */
async function spansOf(body: Buffer): Promise<(Span & { spans: Span[] }) | undefined> {
  const spans: Span[] = [];
  let depth = 0;
  let listFrom = -1;
  let elementFrom = 0;
  let nextPause = BYTES_A_TURN;
  for (let at = 0; at < body.length; at++) {
    const byte = body[at] ?? 0;
    if (byte === QUOTE) {
      at = stringEnd(body, at + 1);
    } else if (OPEN.has(byte)) {
      depth++;
      if (depth === 2 && listFrom === -1 && byte === 0x5b) {
        listFrom = at + 1;
        elementFrom = at + 1;
      }
    } else if (CLOSE.has(byte)) {
      depth--;
      if (depth === 1 && listFrom !== -1) {
        if (spans.length > 0 || !isBlank(body, elementFrom, at)) {
          spans.push({ from: elementFrom, upto: at });
        }
        return { from: listFrom, upto: at, spans };
      }
    } else if (byte === COMMA && depth === 2 && listFrom !== -1) {
      spans.push({ from: elementFrom, upto: at });
      elementFrom = at + 1;
    }
    if (at > nextPause) {
      nextPause = at + BYTES_A_TURN;
      await new Promise(setImmediate);
    }
  }
  // No list at all: the envelope says what is wrong.
  return listFrom === -1 ? { from: body.length, upto: body.length, spans } : undefined;
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
