import { copyFileSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { countJournal } from '#charging/journal-aside';
import {
  endBytes,
  type KeptSettlement,
  readJournal,
  settlementBytes,
} from '#charging/journal-line';
import { eventually } from '#test/gateway-world';
import { type JournalWorld, journalWorld, settlement } from '#test/journal-world';

let world: JournalWorld;
beforeEach(async () => {
  world = await journalWorld();
});
afterEach(() => world.close());

const kept = (): KeptSettlement => ({
  ...settlement(),
  resolution: 'settle',
  happenedAt: new Date('2026-11-20T23:59:59.999Z'),
});
const path = (name: string) => join(world.folder, name);
const journals = () => readdirSync(world.folder).filter((name) => name.endsWith('.journal'));
const warned = (text: string) =>
  world.lines.filter(({ level, message }) => level === 'warn' && message.includes(text));

test('F26: what a killed process journaled is booked by the next one, once, at its own time', async () => {
  const [a, b] = [kept(), kept()];
  const lines = [settlementBytes(a), settlementBytes(b), endBytes(a.requestId)];
  writeFileSync(path('99-7-ab.journal'), Buffer.concat(lines));
  await world.open();
  await eventually(() => journals().length === 0);
  expect([...world.ledger.booked.values()]).toEqual([b]);
  expect(world.ledger.asked).toEqual([b.requestId]);
});

test('F6: killed at any byte of its writing, it loses nothing that it acknowledged', async () => {
  const all = [kept(), kept(), kept()];
  const lines = all.map(settlementBytes);
  const bytes = Buffer.concat(lines);
  for (let length = 1; length < bytes.length; length += 37) {
    world.ledger.booked.clear();
    world.lines.length = 0;
    writeFileSync(path('99-7-ab.journal'), bytes.subarray(0, length));
    const journal = await world.open();
    await eventually(() => journals().length === 0);
    const { open, torn } = readJournal(bytes.subarray(0, length));
    expect([...world.ledger.booked.keys()], `cut at ${length}`).toEqual([...open.keys()]);
    expect(warned('cut off')).toHaveLength(torn ? 1 : 0);
    await journal.close(100);
  }
});

test('a file goes only when everything in it is booked', async () => {
  const [stuck, other] = [kept(), kept()];
  writeFileSync(path('99-7-ab.journal'), Buffer.concat([stuck, other].map(settlementBytes)));
  world.ledger.ignored.add(stuck.requestId);
  const first = await world.open();
  await eventually(() => world.ledger.booked.size === 1);
  await first.close(100);
  expect(journals()).toHaveLength(1);
  // The first process ends here; the second finds what it left, under whatever name.
  world.ledger.ignored.clear();
  await world.open();
  await eventually(() => world.ledger.booked.size === 2);
  await eventually(() => journals().length === 0);
});

test('the files of living processes are left to them', async () => {
  const theirs = settlementBytes(kept());
  writeFileSync(path('99-7-ab.journal'), theirs);
  writeFileSync(path('99-8-ab.journal'), settlementBytes(kept()));
  await world.open({ lives: ({ pid, began }) => pid === 99 && began === '7' });
  await eventually(() => world.ledger.booked.size === 1);
  await eventually(() => journals().length === 1);
  expect(readFileSync(path('99-7-ab.journal'))).toEqual(theirs);
});

test('a process that dies later is found later', async () => {
  const journaled = kept();
  let dead = false;
  writeFileSync(path('99-7-ab.journal'), settlementBytes(journaled));
  await world.open({ lives: () => !dead, lookAgainMs: 20 });
  expect(world.ledger.booked.size).toBe(0);
  dead = true;
  await eventually(() => world.ledger.booked.has(journaled.requestId));
  await eventually(() => journals().length === 0);
});

test('of many processes that start at once, one takes a file', async () => {
  const left = Array.from({ length: 20 }, kept);
  for (const [index, one] of left.entries()) {
    writeFileSync(path(`99-7-${index}.journal`), settlementBytes(one));
  }
  const lives = ({ pid }: { readonly pid: number }) => pid !== 99;
  await Promise.all([world.open({ lives }), world.open({ lives }), world.open({ lives })]);
  await eventually(() => world.ledger.booked.size === left.length);
  await eventually(() => journals().length === 0);
  expect(world.ledger.asked.toSorted()).toEqual(left.map((one) => one.requestId).toSorted());
  expect(world.lines.filter(({ level }) => level === 'error')).toEqual([]);
});

test('a file whose owner still appends may be taken: the end it writes twice is booked once', async () => {
  const living = await world.open();
  world.ledger.state = 'gone';
  const before = settlement();
  await living.settle(before);
  await world.open();
  const after = settlement();
  await living.settle(after);
  world.ledger.state = 'here';
  await eventually(() => world.ledger.booked.size === 2);
  await eventually(() => journals().length === 0);
});

test('F24: lines that a disk has changed are set aside as they are, and the others booked', async () => {
  const [a, hit, b] = [kept(), kept(), kept()];
  const changed = settlementBytes(hit);
  changed.write('9', changed.length - 5);
  writeFileSync(
    path('99-7-ab.journal'),
    Buffer.concat([settlementBytes(a), changed, settlementBytes(b)]),
  );
  await world.open();
  await eventually(() => journals().length === 0);
  expect([...world.ledger.booked.keys()]).toEqual([a.requestId, b.requestId]);
  expect(await countJournal(world.disk)).toEqual({ waiting: 0, rejected: 1 });
  const [aside = ''] = readdirSync(world.folder);
  const { bytes } = JSON.parse(readFileSync(path(aside), 'utf8').slice(17));
  expect(Buffer.from(bytes, 'base64')).toEqual(changed.subarray(0, -1));
});

test('a file that cannot be read now is read at a later look', async () => {
  const journaled = kept();
  writeFileSync(path('99-7-ab.journal'), settlementBytes(journaled));
  const { read } = world.disk;
  let failing = true;
  const disk = {
    ...world.disk,
    read: (name: string) => (failing ? Promise.reject(new Error('EIO')) : read(name)),
  };
  await world.open({ disk, lookAgainMs: 20 });
  expect(journals()).toHaveLength(1);
  failing = false;
  await eventually(() => world.ledger.booked.has(journaled.requestId));
  await eventually(() => journals().length === 0);
});

test('a copy put back by hand is booked no second time', async () => {
  const journaled = kept();
  writeFileSync(path('99-7-ab.journal'), settlementBytes(journaled));
  copyFileSync(path('99-7-ab.journal'), path('copy'));
  await world.open();
  await eventually(() => journals().length === 0);
  copyFileSync(path('copy'), path('99-7-ab.journal'));
  await world.open();
  await eventually(() => !existsSync(path('99-7-ab.journal')) && journals().length === 0);
  expect(world.ledger.booked.size).toBe(1);
});
