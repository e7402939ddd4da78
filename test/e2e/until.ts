import { setTimeout as pause } from 'node:timers/promises';

/** Asks again and again until there is an answer; rejects after `ms`, naming what it waited for. */
export async function until<T>(
  what: string,
  ms: number,
  probe: () => Promise<T | undefined> | T | undefined,
): Promise<T> {
  const deadline = performance.now() + ms;
  for (;;) {
    const found = await probe();
    if (found !== undefined) return found;
    if (performance.now() >= deadline) throw new Error(`not within ${ms} ms: ${what}`);
    await pause(20);
  }
}
