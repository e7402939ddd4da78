/** What the streams of this process may keep for clients that come back. */
export interface ReplayLimits {
  /** For one call (money rule R). A call that has sent more is not adopted. */
  readonly callBytes: number;
  /** For all calls together. What does not fit is not kept. */
  readonly nodeBytes: number;
}

export const REPLAY_LIMITS: ReplayLimits = { callBytes: 4_194_304, nodeBytes: 268_435_456 };

/** The memory that the replays of one process share. */
export interface ReplayRoom {
  readonly callBytes: number;
  readonly usedBytes: number;
  take(bytes: number): boolean;
  giveBack(bytes: number): void;
}

export function replayRoom({ callBytes, nodeBytes }: ReplayLimits): ReplayRoom {
  let usedBytes = 0;
  return {
    callBytes,
    get usedBytes() {
      return usedBytes;
    },
    take(bytes) {
      if (usedBytes + bytes > nodeBytes) return false;
      usedBytes += bytes;
      return true;
    },
    giveBack(bytes) {
      usedBytes -= bytes;
    },
  };
}

/** The bytes of one stream so far, for as long as all of them are kept. */
export interface Replay {
  readonly whole: boolean;
  keep(chunk: Buffer): void;
  chunks(): readonly Buffer[];
  /** Keeps nothing any more. */
  drop(): void;
}

// An event is a few hundred bytes and its buffer nearly as many again, so a long stream is kept in
// larger pieces. A short one is never copied.
const LOOSE_MAX = 64;
const SMALL_BYTES = 4_096;
const PIECE_BYTES = 200;

/** Keeps the chunks themselves and joins small ones only when there are many. */
export function replayIn(room: ReplayRoom): Replay {
  let pieces: Buffer[] = [];
  let loose: Buffer[] = [];
  let bytes = 0;
  let taken = 0;
  let whole = true;

  function drop(): void {
    room.giveBack(taken);
    whole = false;
    taken = 0;
    pieces = [];
    loose = [];
  }

  function joinLoose(): void {
    if (loose.length === 0) return;
    pieces.push(Buffer.concat(loose));
    const freed = (loose.length - 1) * PIECE_BYTES;
    room.giveBack(freed);
    taken -= freed;
    loose = [];
  }

  return {
    get whole() {
      return whole;
    },
    keep(chunk) {
      if (!whole) return;
      const cost = chunk.length + PIECE_BYTES;
      bytes += chunk.length;
      if (bytes > room.callBytes || !room.take(cost)) return drop();
      taken += cost;
      if (chunk.length <= SMALL_BYTES) {
        if (loose.push(chunk) >= LOOSE_MAX) joinLoose();
      } else {
        joinLoose();
        pieces.push(chunk);
      }
    },
    chunks: () => [...pieces, ...loose],
    drop,
  };
}
