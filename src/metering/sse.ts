/** Told once per event. `data` is JSON text; events no bill depends on carry `UNREAD` instead. */
export type EventListener = (type: string, data: string) => void;

export interface SseScanner {
  /**
   * Reads one chunk as it came from the upstream; never changes or copies it for the caller.
   *
   * `holdFrom` says which bytes must wait for the ledger: null means none. Otherwise it is the
   * index in this chunk of the first byte of the `message_stop` block that was not passed on yet;
   * in all later chunks it is negative, minus the number of bytes already held back, so that
   * `held.length + holdFrom` is always the number of bytes that may leave (see
   * `splitAtFinalEvent`). An event only counts for a client at its closing blank line, and the
   * block is recognised at the latest at the line before it, so no client can act on a final event
   * that was not held.
   */
  push(chunk: Buffer): { holdFrom: number | null };
}

/** Data given for events whose content is not read: valid JSON, so a listener may parse blindly. */
export const UNREAD = 'null';

const LF = 0x0a;
const CR = 0x0d;
const COLON = 0x3a;
const SPACE = 0x20;
const LETTER_D = 0x64;
/** One metered event is a few KB; more than this is dropped unread instead of kept in memory. */
const EVENT_BYTES_MAX = 1_048_576;
/** `data: {"type":"message_stop"}` and room for blanks; a longer line is some other event. */
const STOP_LINE_BYTES_MAX = 256;
/** A block's start is read because some come whole with it, which decides about a refusal (S3, S4). */
const METERED = new Set([
  ...['message_start', 'content_block_start', 'message_delta', 'message_stop', 'error'],
]);
const EVENT_FIELD = Buffer.from('event');
const DATA_FIELD = Buffer.from('data');
const DELTA_LINE = Buffer.from('event: content_block_delta');
const STOP_NAME = Buffer.from('message_stop');

/**
 * Incremental reader of server-sent events. Chunks may end anywhere: inside a UTF-8 character,
 * between CR and LF, inside a field name. Most of a stream is `content_block_delta`; its lines are
 * found and skipped without making a string of them.
 */
export function sseScanner(onEvent: EventListener): SseScanner {
  let lineHead: Buffer[] = []; // The part of the current line that came in earlier chunks.
  let lineHeadBytes = 0;
  let lineStartsWithData = false;
  let afterCr = false;
  let name = '';
  let data: string[] = [];
  let dataBytes = 0;
  let blockOpen = false;
  let consumedBytes = 0; // Of the whole stream, before the current chunk.
  let blockStart = 0;
  let heldFrom: number | null = null; // Offset in the whole stream.
  let chunkStart = 0;

  const unread = (): boolean => name !== '' && !METERED.has(name);

  function hold(): void {
    // What left with earlier chunks cannot be called back; the block is incomplete without the
    // rest.
    heldFrom ??= Math.max(blockStart, chunkStart);
  }

  function endBlock(nextStart: number): void {
    if (blockOpen) emit();
    name = '';
    data = [];
    dataBytes = 0;
    blockOpen = false;
    blockStart = nextStart;
  }

  function emit(): void {
    if (name === '' && data.length === 0) return;
    const text = data.join('\n');
    const type = name === '' ? typeInside(text) : name;
    onEvent(type, METERED.has(type) && dataBytes <= EVENT_BYTES_MAX ? text : UNREAD);
  }

  function field(line: Buffer): void {
    blockOpen = true;
    if (line.equals(DELTA_LINE)) {
      name = 'content_block_delta';
    } else if (hasName(line, EVENT_FIELD)) {
      name = fieldValue(line, EVENT_FIELD.length);
      if (name === 'message_stop') hold();
    } else if (!unread() && hasName(line, DATA_FIELD)) {
      dataBytes += line.length;
      if (dataBytes <= EVENT_BYTES_MAX) data.push(fieldValue(line, DATA_FIELD.length));
      if (name === '' && line.length <= STOP_LINE_BYTES_MAX && line.includes(STOP_NAME)) hold();
    }
  }

  function endLine(chunk: Buffer, from: number, to: number, nextStart: number): void {
    const bytes = lineHeadBytes + to - from;
    if (bytes === 0) {
      endBlock(nextStart);
    } else {
      const first = lineHeadBytes > 0 ? lineStartsWithData : chunk[from] === LETTER_D;
      if (first && unread()) blockOpen = true;
      else field(wholeLine(chunk.subarray(from, to)));
    }
    lineHead = [];
    lineHeadBytes = 0;
  }

  function wholeLine(tail: Buffer): Buffer {
    return lineHead.length === 0 ? tail : Buffer.concat([...lineHead, tail]);
  }

  function keepTail(chunk: Buffer, from: number): void {
    if (from >= chunk.length) return;
    if (lineHeadBytes === 0) lineStartsWithData = chunk[from] === LETTER_D;
    const skipped = lineStartsWithData && unread();
    // A copy: the caller may reuse the memory of a chunk once it has passed it on.
    if (!skipped && lineHeadBytes <= EVENT_BYTES_MAX) {
      lineHead.push(Buffer.from(chunk.subarray(from)));
    }
    lineHeadBytes += chunk.length - from;
  }

  function readLines(chunk: Buffer): void {
    let from = 0;
    if (afterCr && chunk[0] === LF) {
      from = 1;
      if (!blockOpen) blockStart = chunkStart + 1;
    }
    if (chunk.length > 0) afterCr = false;
    const hasCr = chunk.includes(CR);
    for (;;) {
      const end = hasCr ? lineEnd(chunk, from) : chunk.indexOf(LF, from);
      if (end < 0) break;
      let next = end + 1;
      if (chunk[end] === CR) {
        if (next === chunk.length) afterCr = true;
        else if (chunk[next] === LF) next++;
      }
      endLine(chunk, from, end, chunkStart + next);
      from = next;
    }
    keepTail(chunk, from);
  }

  return {
    push(chunk) {
      const heldBefore = heldFrom;
      chunkStart = consumedBytes;
      readLines(chunk);
      consumedBytes += chunk.length;
      if (heldFrom === null) return { holdFrom: null };
      return { holdFrom: (heldBefore ?? heldFrom) - chunkStart };
    },
  };
}

/**
 * What may leave and what must wait, given what already waits. `held` is empty until the scanner
 * first names a `holdFrom`; from then on everything after the first held byte waits too.
 */
export function splitAtFinalEvent(
  held: Buffer,
  chunk: Buffer,
  holdFrom: number | null,
): { readonly release: Buffer; readonly held: Buffer } {
  if (holdFrom === null) return { release: chunk, held };
  if (holdFrom < 0 || held.length > 0) {
    return { release: chunk.subarray(0, 0), held: Buffer.concat([held, chunk]) };
  }
  return { release: chunk.subarray(0, holdFrom), held: Buffer.from(chunk.subarray(holdFrom)) };
}

function lineEnd(chunk: Buffer, from: number): number {
  for (let index = from; index < chunk.length; index++) {
    const byte = chunk[index];
    if (byte === LF || byte === CR) return index;
  }
  return -1;
}

function hasName(line: Buffer, field: Buffer): boolean {
  if (line.length < field.length) return false;
  if (line.length > field.length && line[field.length] !== COLON) return false;
  return line.compare(field, 0, field.length, 0, field.length) === 0;
}

function fieldValue(line: Buffer, nameBytes: number): string {
  const start = nameBytes + 1;
  return line.toString('utf8', line[start] === SPACE ? start + 1 : start);
}

/** The type of an event that came without an `event:` line. */
function typeInside(text: string): string {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && 'type' in value) {
      return typeof value.type === 'string' ? value.type : 'message';
    }
  } catch {
    // Not JSON: an event nobody meters.
  }
  return 'message';
}
