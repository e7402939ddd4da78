import { isObject } from '#kernel/json';

/** How much output has passed by in a stream, where only its end says how much it was. */
export interface OutputCounter {
  /** Told of every event that is complete, before the chunk that completes it is counted. */
  event(type: string, data?: unknown): void;
  count(chunk: Buffer): void;
  /** So many tokens are in so many bytes of JSON that passed: counted by who bills for them. */
  known(counted: Counted): void;
  /** Never less than the output in what was counted: tokens that can be seen have a byte at least. */
  tokensMax(): number;
  /**
   * What an answer that never says how much it was is charged for (S11): what the upstream has said
   * or counted of it, and of the rest what prose of that length would have.
   */
  tokensLikely(): number;
}

export interface Counted {
  readonly tokens: number;
  readonly bytes: number;
}

export const NONE_COUNTED: Counted = { tokens: 0, bytes: 0 };

const BLOCK_MARK = Buffer.from('content_block');
const BEFORE_MARK = 'event: '.length;
const DELTA_MARK = Buffer.from('event: content_block_delta');
// Bytes of a delta event around its text, as the Messages API sends it and at the very least, and
// bytes of text for a token, in English prose.
const FRAME_BYTES = 118;
const FRAME_BYTES_MIN =
  'event:content_block_delta\n'.length +
  'data:{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":""}}\n\n'
    .length;
const BYTES_PER_TOKEN = 4;

/**
 * Counts from the first content block on. JSON is at least as long as the text in it, and a token
 * at least a byte long; tokens that have no text, between blocks, are fewer than the bytes of the
 * frames around them. A frame is taken off once its event is complete, never by what a text looks
 * like: a model can be asked to write anything. No more than `tokensAllowed` can have been written,
 * whatever is said of it (F34).
 */
export function outputCounter(tokensAllowed = Number.MAX_SAFE_INTEGER): OutputCounter {
  let bytes = 0;
  let eventSeen = false;
  let begun = false;
  let bytesBeforeText: number | undefined;
  let deltas = 0;
  // What the upstream said of all before, in an event whose chunk is being counted, or earlier.
  let saying: number | undefined;
  let said = NONE_COUNTED;
  let counted = NONE_COUNTED;

  const textBytes = (): number => bytes - (bytesBeforeText ?? bytes) - deltas * FRAME_BYTES;

  /** Where in this chunk the answer begins: what comes before tells about the input. */
  function start(chunk: Buffer): number {
    if (begun) return 0;
    // Until an event is complete there is none of the answer, however it is cut.
    if (!eventSeen) return chunk.length;
    begun = true;
    const at = chunk.indexOf(BLOCK_MARK);
    return at === -1 ? chunk.length : Math.max(0, at - BEFORE_MARK);
  }

  return {
    event(type, data) {
      eventSeen = true;
      if (type === 'content_block_delta') deltas += 1;
      const tokens = type === 'message_delta' ? outputIn(data) : undefined;
      if (tokens !== undefined && tokens <= tokensAllowed) saying = tokens;
    },
    count(chunk) {
      const from = start(chunk);
      if (deltas > 0) {
        bytesBeforeText ??= bytes + Math.max(0, chunk.indexOf(DELTA_MARK) - from);
      }
      bytes += chunk.length - from;
      if (saying === undefined) return;
      said = { tokens: saying, bytes: textBytes() };
      counted = NONE_COUNTED;
      saying = undefined;
    },
    known(more) {
      counted = { tokens: counted.tokens + more.tokens, bytes: counted.bytes + more.bytes };
    },
    tokensMax: () => Math.max(0, bytes - deltas * FRAME_BYTES_MIN),
    tokensLikely() {
      const rest = Math.max(0, textBytes() - said.bytes - counted.bytes);
      return said.tokens + counted.tokens + Math.floor(rest / BYTES_PER_TOKEN);
    },
  };
}

/** Usage in a stream is cumulative. What cannot be believed says nothing here: S12 is for the end. */
function outputIn(data: unknown): number | undefined {
  const usage = isObject(data) && isObject(data.usage) ? data.usage : {};
  const { output_tokens: tokens } = usage;
  return typeof tokens === 'number' && Number.isSafeInteger(tokens) && tokens >= 0
    ? tokens
    : undefined;
}
