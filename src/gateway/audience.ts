import type { Client } from '#gateway/client';
import { type ReplayRoom, replayIn } from '#gateway/replay';
import type { Reading } from '#gateway/upstream';

/**
 * All clients of one call to the upstream: as a rule the one that asked, and after it left those
 * that came back for the answer. Written to like a client; `gone` while nobody is there.
 */
export interface Audience extends Client {
  /** Called each time the last client leaves, at once if nobody is there. */
  onGone(notice: () => void): void;
  /** Called each time a client comes and nobody was there. */
  onReturn(notice: () => void): void;
  /** Whether a client that joins now gets the whole answer. */
  readonly joinable: boolean;
  /** Gives a client all that was sent so far, and then the rest. Only while `joinable`. */
  join(client: Client): void;
  /** Nobody was there for a while, or nobody is. */
  readonly deserted: boolean;
  /** Somebody joined. */
  readonly joined: boolean;
}

interface Head {
  readonly status: number;
  readonly headers: Record<string, string>;
}

export function audienceOf(first: Client, room: ReplayRoom): Audience {
  const clients = new Map<Client, Reading>();
  const replay = replayIn(room);
  const goneNotices: (() => void)[] = [];
  const returnNotices: (() => void)[] = [];
  let source: Reading | undefined;
  let head: Head | undefined;
  let slow = 0;
  let over = false;
  let deserted = false;
  let joined = false;

  /** The upstream is paused while any client does not keep up. */
  function paceOf(): Reading {
    let paused = false;
    return {
      pause() {
        if (paused) return;
        paused = true;
        slow += 1;
        if (slow === 1) source?.pause();
      },
      resume() {
        if (!paused) return;
        paused = false;
        slow -= 1;
        if (slow === 0) source?.resume();
      },
      abort: (reason) => source?.abort(reason),
    };
  }

  function seat(client: Client): Reading {
    const pace = paceOf();
    clients.set(client, pace);
    client.onGone(() => {
      clients.delete(client);
      if (clients.size > 0) return;
      deserted = true;
      for (const notice of goneNotices) notice();
    });
    return pace;
  }

  function finish(): void {
    over = true;
    replay.drop();
  }

  seat(first);
  return {
    get gone() {
      return clients.size === 0;
    },
    get deserted() {
      return deserted;
    },
    get joined() {
      return joined;
    },
    get joinable() {
      return !over && replay.whole;
    },
    onGone(notice) {
      goneNotices.push(notice);
      if (clients.size === 0) notice();
    },
    onReturn: (notice) => void returnNotices.push(notice),
    join(client) {
      joined = true;
      if (clients.size === 0) for (const notice of returnNotices) notice();
      const pace = seat(client);
      if (head === undefined) return;
      client.begin(head.status, head.headers);
      for (const chunk of replay.chunks()) client.write(chunk, pace);
    },
    send(status, headers, body) {
      finish();
      for (const client of clients.keys()) client.send(status, headers, body);
    },
    begin(status, headers) {
      head = { status, headers };
      for (const client of clients.keys()) client.begin(status, headers);
    },
    write(chunk, reading) {
      source = reading;
      replay.keep(typeof chunk === 'string' ? Buffer.from(chunk) : chunk);
      for (const [client, pace] of clients) client.write(chunk, pace);
    },
    end() {
      finish();
      for (const client of clients.keys()) client.end();
    },
    breakOff() {
      finish();
      for (const client of clients.keys()) client.breakOff();
    },
  };
}
