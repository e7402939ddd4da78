import { Readable } from 'node:stream';

/** The largest file the public API takes: 500 MB. */
export const FILE_BYTES_MAX = 524_288_000;

export interface Upload {
  /** What came, as it came. */
  readonly body: Readable;
  /** What has come so far. */
  readonly bytes: number;
  /** It went on beyond what a file may be, and `body` broke off there. */
  readonly tooLarge: boolean;
}

/** A body on its way through: counted, and never kept. Reading it no further stops its sender. */
export function passing(from: Readable, bytesMax = FILE_BYTES_MAX): Upload {
  const seen = { bytes: 0, tooLarge: false };
  async function* counted(): AsyncGenerator<Buffer> {
    // Its sender is to hear the answer: the connection is not closed with it.
    for await (const chunk of from.iterator({ destroyOnReturn: false })) {
      seen.bytes += chunk.length;
      if (seen.bytes > bytesMax) {
        seen.tooLarge = true;
        throw new Error('the file is larger than a file may be');
      }
      yield chunk;
    }
  }
  const body = Readable.from(counted(), { objectMode: false });
  return {
    body,
    get bytes() {
      return seen.bytes;
    },
    get tooLarge() {
      return seen.tooLarge;
    },
  };
}
