/** Cuts a stream of bytes into lines. What is longer than a line may be is not kept. */
export interface Lines {
  /** The lines that this part completes, without their line feeds. */
  take(part: Buffer): Buffer[];
  /** What came after the last line feed; undefined if nothing did. */
  rest(): Buffer | undefined;
  readonly overlong: boolean;
}

const LINE_FEED = 0x0a;
/** More than the largest answer there is. */
const LINE_BYTES_MAX = 33_554_432;

export function jsonLines(bytesMax = LINE_BYTES_MAX): Lines {
  let kept: Buffer[] = [];
  let bytes = 0;
  let overlong = false;

  function keep(part: Buffer): void {
    if (part.length === 0 || overlong) return;
    bytes += part.length;
    if (bytes > bytesMax) {
      overlong = true;
      kept = [];
    } else {
      kept.push(part);
    }
  }

  function complete(): Buffer {
    const [only] = kept;
    const line = kept.length === 1 && only !== undefined ? only : Buffer.concat(kept);
    kept = [];
    bytes = 0;
    return line;
  }

  return {
    take(part) {
      const lines: Buffer[] = [];
      let from = 0;
      for (let at = part.indexOf(LINE_FEED); at !== -1; at = part.indexOf(LINE_FEED, from)) {
        keep(part.subarray(from, at));
        from = at + 1;
        if (!overlong) lines.push(complete());
      }
      keep(part.subarray(from));
      return lines;
    },
    rest: () => (kept.length === 0 ? undefined : complete()),
    get overlong() {
      return overlong;
    },
  };
}
