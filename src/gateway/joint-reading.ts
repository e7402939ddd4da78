import type { Reading } from '#gateway/upstream';

/** One upstream that two may stop: it is read on once neither of them wants it stopped. */
export function jointReading(reading: Reading): readonly [Reading, Reading] {
  let stops = 0;
  function hand(): Reading {
    let stopped = false;
    return {
      pause() {
        if (stopped) return;
        stopped = true;
        stops += 1;
        if (stops === 1) reading.pause();
      },
      resume() {
        if (!stopped) return;
        stopped = false;
        stops -= 1;
        if (stops === 0) reading.resume();
      },
      abort: (reason) => reading.abort(reason),
    };
  }
  return [hand(), hand()];
}
