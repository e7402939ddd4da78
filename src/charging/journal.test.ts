import { readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { countJournal } from '#charging/journal-aside';
import { readJournal, settlementBytes } from '#charging/journal-line';
import { silenceOf } from '#charging/journal-silence';
import { manualClock } from '#kernel/clock';
import { nanos } from '#kernel/money';
import { eventually } from '#test/gateway-world';
import { type JournalWorld, journalWorld, settlement } from '#test/journal-world';

let world: JournalWorld;
beforeEach(async () => {
  world = await journalWorld();
});
afterEach(() => world.close());

const names = () => readdirSync(world.folder);
const journals = () => names().filter((name) => name.endsWith('.journal'));
const openIn = (name: string) => readJournal(readFileSync(join(world.folder, name))).open;
const onDisk = () => journals().flatMap((name) => [...openIn(name).keys()]);
const errors = () => world.lines.filter(({ level }) => level === 'error');
const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const settlements = (count: number) => Array.from({ length: count }, () => settlement());

describe('a settlement', () => {
  test('that the store answers in time touches no file', async () => {
    const journal = await world.open();
    const command = settlement();
    expect(await journal.settle(command)).toMatchObject({ outcome: 'settled' });
    expect(world.ledger.booked.get(command.requestId)?.happenedAt).toBeUndefined();
    expect(names()).toEqual([]);
  });

  test.each(['gone', 'silent'] as const)(
    'F6: is on the disk before it is said to be, if the store is %s',
    async (state) => {
      const journal = await world.open();
      world.ledger.state = state;
      const command = settlement();
      const outcome = await journal.settle(command);
      // At this very moment the answer may leave: line and sync come first.
      expect(world.faults.seen.map((step) => step.split(' ')[0])).toEqual(['append', 'sync']);
      expect(outcome).toEqual({ outcome: 'journaled' });
      expect(onDisk()).toEqual([command.requestId]);
    },
  );

  test('is booked once when the store is back, at the time it was asked for, and the file goes', async () => {
    const at = new Date('2026-11-20T23:59:59.999Z');
    const clock = manualClock(at);
    const journal = await world.open({ clock });
    world.ledger.state = 'gone';
    const command = settlement();
    const settling = journal.settle(command);
    clock.advance(60_000);
    await settling;
    await wait(200);
    world.ledger.state = 'here';
    await eventually(() => world.ledger.booked.size === 1);
    expect(world.ledger.booked.get(command.requestId)).toEqual({ ...command, happenedAt: at });
    await eventually(() => names().length === 0);
    const asked = world.ledger.asked.length;
    await wait(150);
    expect(world.ledger.asked.length).toBe(asked);
  });

  test('F7: that was booked, its answer lost, is not booked again', async () => {
    const journal = await world.open();
    world.ledger.state = 'deaf';
    const command = settlement();
    expect(await journal.settle(command)).toEqual({ outcome: 'journaled' });
    const before = world.ledger.booked.get(command.requestId);
    world.ledger.state = 'here';
    await eventually(() => names().length === 0);
    expect(world.ledger.booked.get(command.requestId)).toBe(before);
    expect(errors()).toEqual([]);
  });

  test('answered while it is being written down has the answer of the store', async () => {
    const journal = await world.open();
    const { settle } = world.ledger;
    let answer = (): void => {};
    const slow = await world.open({
      settle: async (command) => {
        await new Promise<void>((resolve) => {
          answer = resolve;
        });
        return await settle(command);
      },
    });
    world.faults.before = async (step) => {
      if (step !== 'sync') return;
      answer();
      await wait(50);
    };
    expect(await slow.settle(settlement())).toMatchObject({ outcome: 'settled' });
    await eventually(() => names().length === 0);
    await journal.close(100);
  });

  test('that charges nothing is not written down: its hold is free by its lease', async () => {
    const journal = await world.open();
    world.ledger.state = 'gone';
    const outcome = await journal.settle(settlement({ resolution: 'void' }));
    expect(outcome).toEqual({ outcome: 'ledger_unavailable' });
    expect(names()).toEqual([]);
  });

  test('is not written down because a connection was lost for a moment', async () => {
    const journal = await world.open({ answerWithinMs: 250 });
    world.ledger.state = 'gone';
    setTimeout(() => {
      world.ledger.state = 'here';
    }, 60);
    expect(await journal.settle(settlement())).toMatchObject({ outcome: 'settled' });
    expect(names()).toEqual([]);
  });
});

describe('a busy process is no silent store', () => {
  const block = (ms: number): void => {
    const from = performance.now();
    while (performance.now() - from < ms);
  };

  test('time this process spends on itself does not count', async () => {
    const silence = silenceOf(250);
    await wait(1);
    block(400);
    await wait(20);
    expect(silence.over).toBe(false);
    silence.end();
  });

  test('an answer that is there already is read, though the time is up', async () => {
    const winner = await new Promise<string>((resolve) => {
      // Inside a timer, as the last step is: what the system has ready is looked at after it.
      setTimeout(() => {
        vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
        const silence = silenceOf(250);
        const answer = stat(world.folder).then(() => 'answer');
        vi.advanceTimersByTime(250);
        vi.useRealTimers();
        block(50);
        void Promise.race([answer, silence.lasted.then(() => 'silence')]).then(resolve);
      }, 1);
    });
    expect(winner).toBe('answer');
  });
});

test('settlements that wait together share a write and a sync', async () => {
  const journal = await world.open();
  world.ledger.state = 'gone';
  const commands = settlements(200);
  const outcomes = await Promise.all(commands.map((command) => journal.settle(command)));
  expect(outcomes.every(({ outcome }) => outcome === 'journaled')).toBe(true);
  expect(onDisk().sort()).toEqual(commands.map(({ requestId }) => requestId).sort());
  const syncs = world.faults.seen.filter((step) => step.startsWith('sync'));
  expect(syncs.length).toBeLessThan(20);
});

describe('F19: a disk that takes nothing', () => {
  const full = Object.assign(new Error('ENOSPC'), { code: 'ENOSPC' });

  test.each(['create', 'append', 'sync'] as const)(
    'at %s keeps the answer back, and charges for none that was kept back',
    async (failing) => {
      const journal = await world.open();
      world.ledger.state = 'gone';
      const safe = failing === 'create' ? [] : [settlement()];
      for (const command of safe) await journal.settle(command);
      world.faults.partial = 100;
      world.faults.before = (step) => {
        if (step === failing) throw full;
      };
      expect(await journal.settle(settlement())).toEqual({ outcome: 'ledger_unavailable' });
      // Whoever finds these files must not find what its client never got.
      expect(onDisk()).toEqual(safe.map(({ requestId }) => requestId));
      for (const name of journals()) {
        expect(readJournal(readFileSync(join(world.folder, name))).torn).toBe(false);
      }
      world.faults.before = () => {};
      const later = settlement();
      expect(await journal.settle(later)).toEqual({ outcome: 'journaled' });
      expect(onDisk()).toContain(later.requestId);
      expect(onDisk()).toHaveLength(safe.length + 1);
    },
  );

  test('is not written to again after a failed sync', async () => {
    const journal = await world.open();
    world.ledger.state = 'gone';
    await journal.settle(settlement());
    const [first = ''] = journals();
    world.faults.before = (step) => {
      if (step === 'sync') throw full;
    };
    await journal.settle(settlement());
    world.faults.before = () => {};
    await journal.settle(settlement());
    expect(journals()).toHaveLength(2);
    expect(openIn(first).size).toBe(1);
  });

  test('says so, and takes settlements again once what it holds is booked', async () => {
    const room = settlementBytes({
      ...settlement(),
      resolution: 'settle',
      happenedAt: new Date(0),
    }).length;
    const journal = await world.open({ bytesMax: 3.5 * room });
    world.ledger.state = 'gone';
    const outcomes = [];
    for (const command of settlements(5)) outcomes.push((await journal.settle(command)).outcome);
    expect(outcomes).toEqual([
      ...['journaled', 'journaled', 'journaled', 'ledger_unavailable', 'ledger_unavailable'],
    ]);
    expect(errors()[0]).toMatchObject({ fields: { why: 'full' } });
    world.ledger.state = 'here';
    await eventually(() => names().length === 0);
    world.ledger.state = 'gone';
    expect(await journal.settle(settlement())).toEqual({ outcome: 'journaled' });
  });

  test('leaves the answer to the store, which may only be slow', async () => {
    const journal = await world.open({
      bytesMax: 0,
      settle: async (command) => {
        await wait(150);
        return await world.ledger.settle(command);
      },
    });
    expect(await journal.settle(settlement())).toMatchObject({ outcome: 'settled' });
  });

  test('is not filled by one settlement that waits long: files of which all else is booked go', async () => {
    const room = settlementBytes({
      ...settlement(),
      resolution: 'settle',
      happenedAt: new Date(0),
    }).length;
    const journal = await world.open({ bytesMax: 16 * room });
    const stuck = settlement();
    world.ledger.ignored.add(stuck.requestId);
    await journal.settle(stuck);
    for (let round = 0; round < 4; round++) {
      world.ledger.state = 'gone';
      for (const command of settlements(4)) await journal.settle(command);
      world.ledger.state = 'here';
      const booked = 4 * (round + 1);
      await eventually(() => world.ledger.booked.size === booked);
    }
    // The one that holds it, and at most the one being written.
    await eventually(() => journals().length <= 2);
    expect(onDisk()).toContain(stuck.requestId);
  });
});

describe('what the ledger can never take', () => {
  test.each(['rejected', 'unknown_hold'] as const)(
    'F23: %s is set aside for a person, told once, and dropped nowhere',
    async (why) => {
      const journal = await world.open();
      world.ledger.state = 'gone';
      const [bad, good] = [settlement({ cost: nanos(77n) }), settlement()];
      world.ledger.never.set(bad.requestId, why);
      await Promise.all([journal.settle(bad), journal.settle(good)]);
      const [file = ''] = journals();
      const copy = readFileSync(join(world.folder, file));
      world.ledger.state = 'here';
      await eventually(() => journals().length === 0);
      expect(world.ledger.booked.has(good.requestId)).toBe(true);
      expect(await countJournal(world.disk)).toEqual({ waiting: 0, rejected: 1 });
      const [aside = ''] = names();
      const text = readFileSync(join(world.folder, aside), 'utf8');
      expect(text).toContain(`"key":"${bad.requestId}","why":"${why}"`);
      expect(text).toContain('"cost":"77"');
      // Killed before it could take note, the next process finds it again and says nothing new.
      writeFileSync(join(world.folder, '1-7-aa.journal'), copy);
      await world.open();
      await eventually(() => journals().length === 0);
      expect(await countJournal(world.disk)).toEqual({ waiting: 0, rejected: 1 });
      expect(errors()).toHaveLength(1);
    },
  );

  test('stays in the journal while it cannot be set aside', async () => {
    const journal = await world.open();
    world.ledger.state = 'gone';
    const bad = settlement();
    world.ledger.never.set(bad.requestId, 'rejected');
    await journal.settle(bad);
    world.faults.before = () => {
      throw new Error('ENOSPC');
    };
    world.ledger.state = 'here';
    await eventually(() => errors().length > 0);
    expect(onDisk()).toEqual([bad.requestId]);
    expect(names()).toHaveLength(1);
    world.faults.before = () => {};
    await eventually(() => journals().length === 0);
    expect(await countJournal(world.disk)).toEqual({ waiting: 0, rejected: 1 });
  });
});

test('one settlement that the store never answers stops no other', async () => {
  const journal = await world.open();
  world.ledger.state = 'gone';
  const [stuck, ...others] = settlements(5);
  if (stuck === undefined) throw new Error('five');
  for (const command of [stuck, ...others]) await journal.settle(command);
  world.ledger.ignored.add(stuck.requestId);
  world.ledger.state = 'here';
  await eventually(() => world.ledger.booked.size === others.length);
  await eventually(() => onDisk().length === 1);
  expect(onDisk()).toEqual([stuck.requestId]);
});

test('a store that is away is asked less and less often, by one of those that wait', async () => {
  const journal = await world.open();
  world.ledger.state = 'gone';
  await Promise.all(settlements(50).map((command) => journal.settle(command)));
  await wait(100);
  const before = world.ledger.asked.length;
  await wait(700);
  expect(world.ledger.asked.length - before).toBeLessThan(6);
});

test('what is booked is marked, so that the next process need not ask again', async () => {
  const journal = await world.open();
  world.ledger.state = 'gone';
  const [stuck, other] = [settlement(), settlement()];
  await Promise.all([journal.settle(stuck), journal.settle(other)]);
  world.ledger.ignored.add(stuck.requestId);
  world.ledger.state = 'here';
  await eventually(() => world.ledger.booked.has(other.requestId));
  await eventually(() => onDisk().length === 1);
  expect(onDisk()).toEqual([stuck.requestId]);
});

test('F25: closing waits for settlements under way, and leaves what is not booked on the disk', async () => {
  const journal = await world.open();
  world.ledger.state = 'silent';
  const command = settlement();
  const settling = journal.settle(command);
  await journal.close(5_000);
  expect(onDisk()).toEqual([command.requestId]);
  expect(await settling).toEqual({ outcome: 'journaled' });
  world.ledger.state = 'here';
  await world.open();
  await eventually(() => world.ledger.booked.has(command.requestId));
  await eventually(() => names().length === 0);
});

test('a process that takes the file of a living one loses nothing that this one writes', async () => {
  const journal = await world.open();
  world.ledger.state = 'gone';
  await journal.settle(settlement());
  const [file = ''] = journals();
  // Taken in the moment between the sync of the second line and the word that it is safe.
  world.faults.before = (step) => {
    if (step !== 'named') return;
    world.faults.before = () => {};
    renameSync(join(world.folder, file), join(world.folder, 'taken'));
  };
  const command = settlement();
  expect(await journal.settle(command)).toEqual({ outcome: 'journaled' });
  expect(onDisk()).toEqual([command.requestId]);
});
