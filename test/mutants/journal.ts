import { bugsIn, type PlantedBug } from './planted-bug.ts';

const TESTS = [
  'src/charging/journal-line.test.ts',
  'src/charging/journal.test.ts',
  'src/charging/journal-takeover.test.ts',
  'src/charging/journal.db.test.ts',
];

/** Settlements on the disk while the store does not answer. The simulation runs only their files. */
export const JOURNAL: readonly PlantedBug[] = [
  ...bugsIn({ file: 'src/charging/journal-files.ts', simulated: false, tests: TESTS }, [
    {
      id: 'journal-without-sync',
      simulated: true,
      bug: 'A settlement counts as safe before the disk has it.',
      find: '    await file.sync();\n',
      replace: '',
    },
    {
      id: 'journal-file-taken-unnoticed',
      simulated: true,
      bug: 'Nobody looks whether another process has taken the file meanwhile.',
      find: 'if (await file.named()) {',
      replace: 'if (file !== undefined) {',
    },
    {
      id: 'journal-keeps-what-failed',
      bug: 'What a failed write left on the disk stays there and is charged later.',
      find: '      await segment.file?.truncate(segment.bytes);\n',
      replace: '',
    },
    {
      id: 'journal-goes-on-after-a-failed-sync',
      bug: 'A file whose sync has failed is written to again.',
      find: `      this.#options.onFailure(error, 'withdraw');
    }
    await this.#retire(segment);`,
      replace: `      this.#options.onFailure(error, 'withdraw');
    }`,
    },
    {
      id: 'journal-goes-with-its-first',
      simulated: true,
      bug: 'A file is removed as soon as one of its settlements is booked.',
      find: '      if (!segment.open.delete(requestId)) continue;\n',
      replace: '      if (!segment.open.has(requestId)) continue;\n      segment.open.clear();\n',
    },
    {
      id: 'journal-never-goes',
      simulated: true,
      bug: 'Files stay though everything in them is booked.',
      find: 'if (segment.open.size > 0) continue;',
      replace: 'if (segment.open.size >= 0) continue;',
    },
    {
      id: 'journal-without-a-bound',
      bug: 'The journal grows until the disk is full.',
      find: "if (used + lines.length > this.#options.bytesMax) return 'full';",
      replace: "if (used < 0) return 'full';",
    },
    {
      id: 'journal-does-not-mark',
      bug: 'What is booked is not marked in its file.',
      find: 'if (segment === this.#current) this.#marks.push(endBytes(requestId));',
      replace: '',
    },
  ]),
  ...bugsIn({ file: 'src/charging/journal.ts', simulated: false, tests: TESTS }, [
    {
      id: 'journal-acknowledges-before-writing',
      bug: 'An answer is acknowledged while its settlement is still being written.',
      find: 'const first = await Promise.race([writing, answered]);',
      replace: "const first = await Promise.race([Promise.resolve('written' as const), answered]);",
    },
    {
      id: 'journal-forgets-before-booking',
      bug: 'A settlement is taken out of the journal before it is booked.',
      find: '    const outcome = await this.#settleOnce(kept);\n',
      replace: `    this.#files.end(kept.requestId);
    const outcome = await this.#settleOnce(kept);
`,
    },
    {
      id: 'journal-books-at-the-time-of-replay',
      bug: 'A journaled settlement is dated by its replay.',
      find: 'const outcome = await this.#settleOnce(kept);',
      replace: `const happenedAt = this.#options.clock.now();
    const outcome = await this.#settleOnce({ ...kept, happenedAt });`,
    },
    {
      id: 'journal-takes-from-the-living',
      bug: 'Every file is taken over, also those of processes that live.',
      find: '|| !lives(whose);',
      replace: '|| lives(whose) || !lives(whose);',
    },
    {
      id: 'journal-drops-the-damaged',
      bug: 'Lines that cannot be read are dropped with the file.',
      find: "const safe = await this.#aside.put(damagedKey(bytes), damagedBytes(bytes), 'damaged');",
      replace: 'const safe = bytes.length > 0;',
    },
    {
      id: 'journal-drops-the-rejected',
      bug: 'What the ledger can never take is dropped instead of set aside.',
      find: 'if (!(await this.#aside.put(reqId, rejectedBytes(kept, why), why))) return false;',
      replace: 'if (rejectedBytes(kept, why).length === 0) return false;',
    },
    {
      id: 'journal-answers-what-nobody-has',
      bug: 'If neither store nor disk take a settlement, it is said to be journaled.',
      find: 'return await trying;',
      replace: "return { outcome: 'journaled' };",
    },
    {
      id: 'journal-writes-voids',
      bug: 'What charges nothing is written to the journal as well.',
      find: "if (command.resolution === 'void') return settle(command);",
      replace: '',
    },
    {
      id: 'journal-closes-at-once',
      bug: 'A process ends without waiting for settlements that are under way.',
      find: '    await atMost(graceMs, Promise.allSettled([...this.#underWay]));\n',
      replace: '',
    },
  ]),
  ...bugsIn({ file: 'src/charging/journal-line.ts', simulated: false, tests: TESTS }, [
    {
      id: 'journal-ignores-checksums',
      bug: 'A line is believed though its checksum does not match.',
      find: "if (part.toString('latin1', 0, SUM_CHARACTERS + 1) !== ",
      replace: "if (part.length < 0 && '' !== ",
    },
    {
      id: 'journal-damage-goes-unseen',
      bug: 'Damaged lines in the middle of a file are passed over in silence.',
      find: '    damaged.push(...unreadable);\n',
      replace: '',
    },
    {
      id: 'journal-books-what-has-ended',
      bug: 'Marks of what is booked are not read, so all of a file is booked again.',
      find: "if (read.data.kind === 'end') open.delete(read.data.requestId);",
      replace: "if (read.data.kind === 'end') continue;",
    },
    {
      id: 'journal-costs-as-numbers',
      bug: 'Costs are written as numbers, which lose their last digits.',
      find: "typeof part === 'bigint' ? part.toString() : part,",
      replace: "typeof part === 'bigint' ? Number(part).toFixed(0) : part,",
    },
  ]),
  ...bugsIn({ file: 'src/charging/journal-replay.ts', simulated: false, tests: TESTS }, [
    {
      id: 'journal-stops-at-the-first',
      bug: 'One settlement that the store never answers keeps all others waiting.',
      find: 'if (waiting.delete(kept.requestId)) waiting.set(kept.requestId, kept);',
      replace: '',
    },
  ]),
];
