import { readdirSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { startModelSim } from '#sims/model-sim/server';
import { ask, eventually, question, startGateway } from '#test/gateway-world';
import { type JournalWorld, journalWorld } from '#test/journal-world';

const closing: (() => Promise<void>)[] = [];
let journals: JournalWorld;
beforeEach(async () => {
  journals = await journalWorld();
});
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
  await journals.close();
});

async function world(options: Parameters<typeof startGateway>[1] = {}) {
  const sim = await startModelSim({ host: '127.0.0.1', port: 0 });
  const started = await startGateway(sim.url, {
    journalOf: (charging) =>
      journals.open({ settle: (command) => charging.settle(command), answerWithinMs: 250 }),
    ...options,
  });
  closing.push(sim.close, started.gateway.close);
  return started;
}

const sized = (name: string) => ({
  headers: { 'x-sim-scenario': `${name};input_tokens=100;output_tokens=20` },
});
// Opus 5: $5 per million input, $25 per million output.
const COST = 100n * 5_000n + 20n * 25_000n;
const BALANCE = 5_000_000_000n;

describe('a store that is silent does not keep an answer back', () => {
  test.each([
    ['refuses', true],
    ['refuses', false],
    ['hangs', true],
    ['hangs', false],
  ] as const)('it %s (stream: %s): journaled, delivered, charged once', async (how, stream) => {
    const gateway = await world();
    let open = (): void => {};
    if (how === 'refuses') gateway.charging.reachable = false;
    else {
      gateway.charging.gate = new Promise((resolve) => {
        open = resolve;
      });
    }
    const from = performance.now();
    const answer = await ask(gateway, { ...sized('ok'), body: { ...question, stream } });
    expect(performance.now() - from).toBeLessThan(8_000);
    expect(answer).toMatchObject({ status: 200, broken: false });
    expect(answer.headers['bursar-cost-usd']).toBeUndefined();
    expect(answer.headers['bursar-available-usd']).toBeUndefined();
    const text = answer.body.toString();
    if (stream) expect(text).toMatch(/event: message_stop\n.*\n\n$/);
    else expect(JSON.parse(text)).toMatchObject({ type: 'message', stop_reason: 'end_turn' });
    // Nothing is booked yet, and what was delivered is on the disk.
    expect(gateway.charging.balance).toBe(BALANCE);
    expect(readdirSync(journals.folder)).toHaveLength(1);
    open();
    gateway.charging.reachable = true;
    await eventually(() => gateway.charging.balance === BALANCE - COST);
    await eventually(() => readdirSync(journals.folder).length === 0);
    expect(gateway.charging.only()).toMatchObject({ resolution: 'settle', cost: COST });
    expect(gateway.charging.holds.size).toBe(0);
  });

  test('nothing is told of an answer before it is written down', async () => {
    const gateway = await world();
    gateway.charging.reachable = false;
    let release = (): void => {};
    const slowDisk = new Promise<void>((resolve) => {
      release = resolve;
    });
    let writing = false;
    journals.faults.before = async (step) => {
      if (step !== 'sync') return;
      writing = true;
      await slowDisk;
    };
    let received = '';
    const answer = ask(gateway, {
      body: { ...question, stream: true },
      leaveWhen: (bytes) => {
        received = bytes.toString();
        return false;
      },
    });
    await eventually(() => writing);
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(received).toContain('event: message_delta');
    expect(received).not.toContain('message_stop');
    release();
    expect((await answer).body.toString()).toContain('event: message_stop');
  });

  test('S10: what a client that left has used is journaled too', async () => {
    const gateway = await world();
    gateway.charging.reachable = false;
    await ask(gateway, {
      headers: { 'x-sim-scenario': 'ok;input_tokens=100;output_tokens=20;chunk_ms=10' },
      body: { ...question, stream: true },
      leaveWhen: (bytes) => bytes.includes('content_block_delta'),
    });
    await eventually(() => readdirSync(journals.folder).length === 1);
    gateway.charging.reachable = true;
    await eventually(() => gateway.charging.resolved.size === 1);
    expect(gateway.charging.only()).toMatchObject({
      cost: COST,
      record: { clientDisconnected: true, rule: 'S2' },
    });
  });

  test('S7, S8: what costs nothing is not journaled', async () => {
    const gateway = await world();
    gateway.charging.reachable = false;
    const broken = ['cut_midstream', 'overloaded_midstream'].map((name) =>
      ask(gateway, { ...sized(name), body: { ...question, stream: true } }),
    );
    await Promise.all(broken);
    expect(readdirSync(journals.folder)).toEqual([]);
    gateway.charging.reachable = true;
    await eventually(() => gateway.charging.resolved.size === 2);
    expect(gateway.charging.balance).toBe(BALANCE);
  });
});

test('F25: after a drain with the store away, all that was delivered is on the disk', async () => {
  const gateway = await world({ drainSeconds: 5 });
  const answers = Array.from({ length: 10 }, (_, index) =>
    ask(gateway, {
      ...sized(`ok;first_ms=200;chunk_ms=${index}`),
      body: { ...question, stream: index % 2 === 0 },
    }),
  );
  await eventually(() => gateway.charging.holds.size === 10);
  gateway.charging.reachable = false;
  await gateway.gateway.drain();
  await gateway.gateway.close();
  for (const answer of await Promise.all(answers)) {
    expect(answer).toMatchObject({ status: 200, broken: false });
  }
  gateway.charging.reachable = true;
  // Another process: whether this one had time to book anything itself does not matter.
  await journals.open({ settle: (command) => gateway.charging.settle(command) });
  await eventually(() => gateway.charging.balance === BALANCE - 10n * COST);
  await eventually(() => readdirSync(journals.folder).length === 0);
});
