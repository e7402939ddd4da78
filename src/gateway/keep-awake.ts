import type { Audience } from '#gateway/audience';
import type { Reading } from '#gateway/upstream';

/** Proxies commonly cut a connection that is silent for a minute, some for half of one. */
const PING_AFTER_MS = 20_000;
const PING = 'event: ping\ndata: {"type": "ping"}\n\n';
/** The longest end of an event: two line breaks of two characters each. */
const TAIL_CHARACTERS = 4;
const BETWEEN_EVENTS = /(^|\n\n|\r\n\r\n|\r\r)$/;

/**
 * The audience of a stream, sent a ping of ours where its upstream sends nothing for a while (F41),
 * and only between two events. Whoever reads the stream passes over pings; the bytes of the
 * upstream stay as they are. It rests when the stream is ended or broken off.
 */
export function keptAwake(audience: Audience, reading: Reading, afterMs = PING_AFTER_MS): Audience {
  let tail = '';
  let awake = true;
  const timer = setTimeout(ping, afterMs).unref();

  function ping(): void {
    if (!awake) return;
    // What nobody hears would only be kept for those who come back.
    if (!audience.gone && BETWEEN_EVENTS.test(tail)) audience.write(PING, reading);
    timer.refresh();
  }

  function rest(): void {
    awake = false;
    clearTimeout(timer);
  }

  return {
    get gone() {
      return audience.gone;
    },
    get deserted() {
      return audience.deserted;
    },
    get joined() {
      return audience.joined;
    },
    get joinable() {
      return audience.joinable;
    },
    onGone: (notice) => audience.onGone(notice),
    onReturn: (notice) => audience.onReturn(notice),
    join: (client) => audience.join(client),
    send(status, headers, body) {
      rest();
      audience.send(status, headers, body);
    },
    begin: (status, headers) => audience.begin(status, headers),
    write(chunk, source) {
      if (awake) timer.refresh();
      const text = typeof chunk === 'string' ? chunk : endOf(chunk);
      tail = (tail + text).slice(-TAIL_CHARACTERS);
      audience.write(chunk, source);
    },
    end() {
      rest();
      audience.end();
    },
    breakOff() {
      rest();
      audience.breakOff();
    },
  };
}

const endOf = (chunk: Buffer): string =>
  chunk.toString('latin1', Math.max(0, chunk.length - TAIL_CHARACTERS));
