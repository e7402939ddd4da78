import { isRecord, listOf } from './json.ts';

/** Input tokens per million bytes of text before anything is known of an organization's traffic. */
export const FIRST_RATIO = 250_000;
const MILLION = 1_000_000;
/** One answer moves the ratio by an eighth of the difference: a few of them, and it fits. */
const LEARNING = 8;
/** About what a picture of the largest size counts, whatever its bytes. */
const PICTURE_TEXT_BYTES = 6_400;

/**
 * Input tokens of a request before the upstream has counted them: bytes of text times a ratio that
 * is learned from answers. Cache reads are in no answer's count, so it falls for who caches much.
 */
export const estimated = (textBytes: number, ratio: number): number =>
  Math.ceil((textBytes * ratio) / MILLION);

/** The ratio after an answer that counted `tokens`. */
export function learned(ratio: number, textBytes: number, tokens: number): number {
  if (textBytes <= 0) return ratio;
  const seen = Math.min(MILLION, Math.round((tokens * MILLION) / textBytes));
  return ratio + Math.trunc((seen - ratio) / LEARNING);
}

/**
 * Bytes of a Messages request that count as text. Pictures and documents come as base64, whose
 * length says little of their tokens: taken for text, one photograph would be a minute's limit.
 */
export function textBytesOf(body: unknown, bytes: number): number {
  if (!isRecord(body)) return bytes;
  let encoded = 0;
  let pictures = 0;
  function look(content: unknown): void {
    for (const block of listOf(content)) {
      if (!isRecord(block)) continue;
      const { source } = block;
      if (isRecord(source) && source.type === 'base64' && typeof source.data === 'string') {
        encoded += source.data.length;
        pictures += 1;
      } else if (block.type === 'tool_result') {
        look(block.content);
      }
    }
  }
  for (const message of listOf(body.messages)) if (isRecord(message)) look(message.content);
  return Math.max(0, bytes - encoded) + pictures * PICTURE_TEXT_BYTES;
}
