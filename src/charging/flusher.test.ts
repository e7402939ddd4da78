import { expect, test } from 'vitest';
import { Batcher } from '#charging/batcher';
import { flusher } from '#charging/flusher';

/** A server whose flushes end when they are told to, in the life in which it then is. */
function disk() {
  const flushes: { resolve(): void; reject(error: Error): void }[] = [];
  const server = { life: 'first' };
  const flush = (): Promise<string> => {
    const one = Promise.withResolvers<string>();
    flushes.push({ resolve: () => one.resolve(server.life), reject: one.reject });
    return one.promise;
  };
  return { flushes, server, ...flusher(flush) };
}

/** As it is after the first batch, which waits itself. */
async function known() {
  const { flushes, begin, server } = disk();
  expect(begin()).toBeUndefined();
  await turn();
  flushes.shift()?.resolve();
  await turn();
  const kept = (): Promise<void> => begin()?.() ?? Promise.reject(new Error('not known'));
  return { flushes, begin, server, kept };
}

const turn = () => new Promise(setImmediate);

test('whoever asks while a flush is under way waits for the next one, together', async () => {
  const { flushes, kept } = await known();
  const told: string[] = [];
  void kept().then(() => told.push('first'));
  await turn();
  void kept().then(() => told.push('second'));
  void kept().then(() => told.push('third'));
  await turn();
  expect(flushes).toHaveLength(1);
  flushes[0]?.resolve();
  await turn();
  expect(told).toEqual(['first']);
  expect(flushes).toHaveLength(2);
  flushes[1]?.resolve();
  await turn();
  expect(told).toEqual(['first', 'second', 'third']);
});

test('a flush that fails fails those who waited for it, and not the next', async () => {
  const { flushes, kept } = await known();
  const lost = kept();
  await turn();
  const next = kept();
  flushes[0]?.reject(new Error('gone'));
  await expect(lost).rejects.toThrow('gone');
  await turn();
  flushes[1]?.resolve();
  await expect(next).resolves.toBeUndefined();
});

test('what a server had committed before it crashed is not known from a flush after', async () => {
  const { flushes, begin, server } = await known();
  const flushed = begin();
  server.life = 'second';
  const lost = flushed?.();
  await turn();
  flushes.shift()?.resolve();
  await expect(lost).rejects.toThrow('begun anew');
  const kept = begin()?.();
  await turn();
  flushes.shift()?.resolve();
  await expect(kept).resolves.toBeUndefined();
});

test('after a flush that failed a batch waits itself, until the server is known again', async () => {
  const { flushes, begin } = await known();
  const lost = begin()?.();
  await turn();
  flushes.shift()?.reject(new Error('gone'));
  await expect(lost).rejects.toThrow('gone');
  expect(begin()).toBeUndefined();
  await turn();
  flushes.shift()?.resolve();
  await turn();
  expect(begin()).toBeDefined();
});

async function batches(failing: boolean) {
  const { flushes, begin } = await known();
  const ran: number[][] = [];
  const batcher = new Batcher<number, string>({
    run: (commands, unflushed) => {
      expect(unflushed).toBe(commands.length === 2);
      ran.push([...commands]);
      return Promise.resolve(commands.map((command) => `did ${command}`));
    },
    failed: (command) => `unknown ${command}`,
    split: () => undefined,
    batchMax: 2,
    unflushed: (commands) => (commands.length < 2 ? undefined : begin()),
  });
  const told: string[] = [];
  for (const command of [1, 2, 3]) void batcher.submit(command).then((o) => told.push(o));
  const end = () =>
    failing ? flushes.at(-1)?.reject(new Error('gone')) : flushes.at(-1)?.resolve();
  return { ran, told, end, batcher, flushes };
}

test('nobody is told before the flush, and the next batch does not wait for it', async () => {
  const { ran, told, end, batcher } = await batches(false);
  await turn();
  await turn();
  expect(ran).toEqual([[1, 2], [3]]);
  expect(told).toEqual(['did 3']);
  end();
  await batcher.idle();
  expect(told).toEqual(['did 3', 'did 1', 'did 2']);
  expect(batcher.underWay).toBeUndefined();
});

test('a batch that waits for the disk stays the oldest under way, whatever overtakes it', async () => {
  const { told, end, batcher } = await batches(false);
  await turn();
  await turn();
  expect(told).toEqual(['did 3']);
  expect(batcher.underWay).toBe(1);
  void batcher.submit(4);
  await turn();
  await turn();
  expect(batcher.underWay).toBe(1);
  end();
  await batcher.idle();
  expect(batcher.underWay).toBeUndefined();
});

test('after a flush that failed nobody is told that it is done', async () => {
  const { told, end } = await batches(true);
  await turn();
  await turn();
  end();
  await turn();
  expect(told).toEqual(['did 3', 'unknown 1', 'unknown 2']);
});
