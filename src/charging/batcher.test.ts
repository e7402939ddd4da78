import { describe, expect, test } from 'vitest';
import { Batcher, type BatcherOptions } from '#charging/batcher';

interface Gate {
  open(): void;
  readonly passed: Promise<void>;
}

function gate(): Gate {
  let open = (): void => {};
  const passed = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { open: () => open(), passed };
}

/** What was submitted has begun to run by then: a timer might be due before that. */
async function turns(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await new Promise(setImmediate);
}

/** A batcher of numbers that doubles them, and the batches it ran. */
function doubling(options: Partial<BatcherOptions<number, string>> = {}) {
  const batches: number[][] = [];
  const batcher = new Batcher<number, string>({
    run: async (commands) => {
      batches.push([...commands]);
      return commands.map((n) => `${n * 2}`);
    },
    failed: (command, error) => `${command} failed: ${String(error)}`,
    split: () => undefined,
    batchMax: 256,
    ...options,
  });
  return { batcher, batches };
}

describe('group commit', () => {
  test('commands that arrive together leave together, and each has its own answer', async () => {
    const { batcher, batches } = doubling();
    expect(await Promise.all([1, 2, 3].map((n) => batcher.submit(n)))).toEqual(['2', '4', '6']);
    expect(batches).toEqual([[1, 2, 3]]);
  });

  test('what arrives during a batch goes with the next one', async () => {
    const first = gate();
    const batches: number[][] = [];
    const { batcher } = doubling({
      run: async (commands) => {
        batches.push([...commands]);
        if (batches.length === 1) await first.passed;
        return commands.map(String);
      },
    });
    const one = batcher.submit(1);
    await turns();
    const others = [2, 3].map((n) => batcher.submit(n));
    await turns();
    expect(batches).toEqual([[1]]);
    first.open();
    await Promise.all([one, ...others]);
    expect(batches).toEqual([[1], [2, 3]]);
  });

  test('a batch has a size', async () => {
    const { batcher, batches } = doubling({ batchMax: 2 });
    await Promise.all([1, 2, 3, 4, 5].map((n) => batcher.submit(n)));
    expect(batches).toEqual([[1, 2], [3, 4], [5]]);
  });

  test('it works again after it was idle', async () => {
    const { batcher, batches } = doubling();
    await batcher.submit(1);
    await batcher.idle();
    await batcher.submit(2);
    expect(batches).toEqual([[1], [2]]);
  });

  test('it says which batch is under way, and that none is', async () => {
    const passage = gate();
    const { batcher } = doubling({
      run: async (commands) => {
        await passage.passed;
        return commands.map(String);
      },
    });
    expect(batcher.underWay).toBeUndefined();
    const one = batcher.submit(1);
    await turns();
    expect(batcher.underWay).toBe(1);
    passage.open();
    await one;
    await batcher.idle();
    expect(batcher.underWay).toBeUndefined();
    const two = batcher.submit(2);
    await two;
    await batcher.idle();
    expect(batcher.underWay).toBeUndefined();
  });

  test('idle waits for everything that was submitted', async () => {
    const passage = gate();
    const answered: string[] = [];
    const { batcher } = doubling({
      batchMax: 1,
      run: async (commands) => {
        await passage.passed;
        return commands.map(String);
      },
    });
    for (const n of [1, 2, 3]) void batcher.submit(n).then((answer) => answered.push(answer));
    const idle = batcher.idle().then(() => answered.length);
    passage.open();
    expect(await idle).toBe(3);
  });
});

describe('a batch that fails', () => {
  const refuse = (bad: number) => async (commands: readonly number[]) => {
    if (commands.includes(bad)) throw new Error(`no ${bad}`);
    return commands.map(String);
  };

  test('fails for everybody if the error is everybody’s', async () => {
    const { batcher } = doubling({ run: refuse(2) });
    expect(await Promise.all([1, 2].map((n) => batcher.submit(n)))).toEqual([
      '1 failed: Error: no 2',
      '2 failed: Error: no 2',
    ]);
  });

  test('is run in parts if only a part can be at fault', async () => {
    const { batcher } = doubling({
      run: refuse(2),
      split: (commands) => commands.map((one) => [one]),
    });
    expect(await Promise.all([1, 2, 3].map((n) => batcher.submit(n)))).toEqual([
      '1',
      '2 failed: Error: no 2',
      '3',
    ]);
  });

  test('is not split for ever: one part or one command is the end', async () => {
    let runs = 0;
    let splits = 0;
    const { batcher } = doubling({
      run: async () => {
        runs += 1;
        throw new Error('no');
      },
      split: (commands) => {
        splits += 1;
        return [[...commands]];
      },
    });
    expect(await Promise.all([1, 2].map((n) => batcher.submit(n)))).toEqual([
      '1 failed: Error: no',
      '2 failed: Error: no',
    ]);
    expect({ runs, splits }).toEqual({ runs: 1, splits: 1 });
    await batcher.submit(3);
    expect({ runs, splits }).toEqual({ runs: 2, splits: 1 });
  });

  test('two parts are enough to try again', async () => {
    const { batcher } = doubling({
      run: refuse(2),
      split: (commands) => [commands.slice(0, 1), commands.slice(1)],
    });
    expect(await Promise.all([1, 2].map((n) => batcher.submit(n)))).toEqual([
      '1',
      '2 failed: Error: no 2',
    ]);
  });

  test('more or fewer answers than commands are no answers', async () => {
    const { batcher } = doubling({ run: async () => ['1'] });
    expect(await Promise.all([1, 2].map((n) => batcher.submit(n)))).toEqual([
      '1 failed: Error: 2 asked, 1 answered',
      '2 failed: Error: 2 asked, 1 answered',
    ]);
  });

  test('a command whose outcome was lost has failed', async () => {
    const batcher = new Batcher<number, string | undefined>({
      run: async (commands) => commands.map(() => undefined),
      failed: (command, error) => `${command} failed: ${String(error)}`,
      split: () => undefined,
      batchMax: 2,
    });
    expect(await batcher.submit(1)).toBe('1 failed: Error: lost outcome');
  });
});
