/** Cuts a stream between its events, so that it can be ended after any of them. */
export interface WholeEvents {
  /** Every event that is complete by now, one by one. */
  push(chunk: Buffer): Buffer[];
  /** What is left when the stream is over. */
  rest(): Buffer;
}

// Larger than any event of the Messages API; what is longer goes on as it comes.
const EVENT_BYTES_MAX = 4_194_304;
const BLANK_LINES = ['\n\n', '\n\r\n', '\r\r'].map((text) => Buffer.from(text));
// Of a blank line, what may have come before: all but its last byte.
const OVERLAP_BYTES = 2;
const EMPTY = Buffer.alloc(0);

export function wholeEvents(): WholeEvents {
  let kept: Buffer[] = [];
  let keptBytes = 0;

  function take(last: Buffer): Buffer {
    const all = kept.length === 0 ? last : Buffer.concat([...kept, last]);
    kept = [];
    keptBytes = 0;
    return all;
  }
  function keep(part: Buffer): void {
    if (part.length === 0) return;
    kept.push(part);
    keptBytes += part.length;
  }

  return {
    push(chunk) {
      const last = kept.slice(-OVERLAP_BYTES).map((part) => part.subarray(-OVERLAP_BYTES));
      const before = Buffer.concat(last).subarray(-OVERLAP_BYTES);
      const seam = before.length === 0 ? chunk : Buffer.concat([before, chunk]);
      const ends = BLANK_LINES.map((blank) => endOfLast(seam, blank) - before.length);
      const end = Math.max(...ends);
      if (end > 0) {
        const complete = take(chunk.subarray(0, end));
        keep(chunk.subarray(end));
        return eventsIn(complete);
      }
      if (keptBytes + chunk.length > EVENT_BYTES_MAX) return [take(chunk)];
      keep(chunk);
      return [];
    },
    rest: () => take(EMPTY),
  };
}

function eventsIn(bytes: Buffer): Buffer[] {
  const blanks = BLANK_LINES.filter((blank) => bytes.includes(blank));
  const events: Buffer[] = [];
  for (let from = 0; from < bytes.length; ) {
    const ends = blanks.map((blank) => endOfNext(bytes, blank, from));
    const end = Math.min(bytes.length, ...ends);
    events.push(bytes.subarray(from, end));
    from = end;
  }
  return events;
}

function endOfNext(bytes: Buffer, mark: Buffer, from: number): number {
  const at = bytes.indexOf(mark, from);
  return at === -1 ? bytes.length : at + mark.length;
}

function endOfLast(bytes: Buffer, mark: Buffer): number {
  const at = bytes.lastIndexOf(mark);
  return at === -1 ? 0 : at + mark.length;
}
