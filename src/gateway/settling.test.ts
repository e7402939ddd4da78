import type { ServerResponse } from 'node:http';
import { afterEach, describe, expect, test } from 'vitest';
import { startModelSim } from '#sims/model-sim/server';
import {
  ask,
  eventually,
  question,
  scriptedUpstream,
  startGateway,
  streamEvents,
} from '#test/gateway-world';
import { journalWorld } from '#test/journal-world';

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function world(
  upstream: { readonly url: string; close(): Promise<void> },
  options: Parameters<typeof startGateway>[1] = {},
) {
  const started = await startGateway(upstream.url, options);
  closing.push(
    () => upstream.close(),
    () => started.gateway.close(),
  );
  return started;
}

const simWorld = async (options: Parameters<typeof startGateway>[1] = {}) =>
  world(await startModelSim({ host: '127.0.0.1', port: 0 }), options);

const streamed = { ...question, stream: true };
const scenario = (name: string) => ({ headers: { 'x-sim-scenario': name } });

/** Sends the events, then leaves the rest to the test. */
const upstreamOf = (finish: (response: ServerResponse, events: string[]) => void) =>
  scriptedUpstream((response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    finish(response, streamEvents());
  });

// Opus 5: $5 per million input, $25 per million output.
const COST = 100n * 5_000n + 20n * 25_000n;

describe('what is charged for each way an answer can end', () => {
  const sized = 'input_tokens=100;output_tokens=20';
  test.each([
    // scenario, stream, status, rule, charged
    [`ok;${sized}`, false, 200, 'S1', COST],
    [`ok;${sized}`, true, 200, 'S2', COST],
    [`refusal;${sized}`, false, 200, 'S3', 0n],
    [`refusal;${sized}`, true, 200, 'S3', 0n],
    [`refusal_midstream;${sized}`, true, 200, 'S4', COST],
    ['error_400', false, 400, 'S6', 0n],
    ['error_400', true, 400, 'S6', 0n],
    ['error_500', false, 500, 'S6', 0n],
    ['overloaded', true, 529, 'S6', 0n],
    [`overloaded_midstream;${sized}`, true, 200, 'S7', 0n],
    [`cut_midstream;${sized}`, true, 200, 'S8', 0n],
    [`cut_midstream;${sized}`, false, 502, 'S8', 0n],
    [`no_stop;${sized};message_delta=0`, true, 200, 'S8', 0n],
    [`no_stop;${sized}`, true, 200, 'S9', COST],
    ['no_usage', false, 200, 'S12', 0n],
    ['bad_usage', true, 200, 'S12', 0n],
    ['html;status=200', false, 502, 'S12', 0n],
  ])(
    '%s (stream: %s) is answered %i and booked as %s',
    async (name, stream, status, rule, cost) => {
      const gateway = await simWorld();
      const answer = await ask(gateway, { ...scenario(name), body: { ...question, stream } });
      expect(answer.status).toBe(status);
      const { resolution, cost: charged, record } = gateway.charging.only();
      expect(record.rule).toBe(rule);
      expect(charged).toBe(cost);
      expect(resolution).toBe(cost === 0n ? 'void' : 'settle');
      expect(record.quarantined).toBe(rule === 'S12');
      expect(gateway.charging.balance).toBe(5_000_000_000n - cost);
      expect(gateway.charging.holds.size).toBe(0);
      if (rule === 'S7' || (rule === 'S8' && stream)) expect(record.lossUsage).toBeGreaterThan(0n);
    },
  );

  test('an error of the upstream is relayed as it is', async () => {
    const sim = await startModelSim({ host: '127.0.0.1', port: 0 });
    const gateway = await world(sim);
    for (const name of ['error_400', 'error_500', 'overloaded']) {
      const direct = await ask({ url: sim.url, key: 'made-up' }, scenario(name));
      const relayed = await ask(gateway, scenario(name));
      expect(relayed.body.equals(direct.body)).toBe(true);
    }
  });

  test('a broken stream stays broken for the client', async () => {
    const gateway = await simWorld();
    const answer = await ask(gateway, { ...scenario('cut_midstream'), body: streamed });
    expect(answer.broken).toBe(true);
  });

  test('a JSON answer says what it cost and what is left', async () => {
    const gateway = await simWorld();
    const { headers } = await ask(gateway, scenario(`ok;${sized}`));
    expect(headers['bursar-cost-usd']).toBe('0.001');
    expect(headers['bursar-available-usd']).toBe('4.999');
  });
});

describe('the last byte waits for the ledger', () => {
  test('everything but the final event is passed on at once', async () => {
    const gateway = await simWorld();
    let open = (): void => {};
    gateway.charging.gate = new Promise((resolve) => {
      open = resolve;
    });
    let received = '';
    const answer = ask(gateway, {
      body: streamed,
      leaveWhen: (bytes) => {
        received = bytes.toString();
        return false;
      },
    });
    await eventually(() => received.includes('event: message_delta'));
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(received).toMatch(/\n\n$/);
    expect(received).not.toContain('message_stop');
    open();
    expect((await answer).body.toString()).toContain('event: message_stop');
    expect(gateway.charging.only().resolution).toBe('settle');
  });

  test('a JSON body waits too', async () => {
    const gateway = await simWorld();
    let open = (): void => {};
    gateway.charging.gate = new Promise((resolve) => {
      open = resolve;
    });
    let answered = false;
    const answer = ask(gateway).then((value) => {
      answered = true;
      return value;
    });
    await new Promise((resolve) => setTimeout(resolve, 150));
    expect(answered).toBe(false);
    open();
    expect((await answer).status).toBe(200);
  });

  test.each([true, false])(
    'F19: with neither ledger nor journal no answer is finished (stream: %s)',
    async (stream) => {
      const journals = await journalWorld();
      closing.push(() => journals.close());
      const gateway = await simWorld({
        settlePatienceMs: 300,
        journalOf: (charging) =>
          journals.open({ settle: (command) => charging.settle(command), bytesMax: 0 }),
      });
      gateway.charging.reachable = false;
      const answer = await ask(gateway, { body: { ...question, stream } });
      const text = answer.body.toString();
      expect(text).toContain('ledger_unavailable');
      if (stream) {
        expect(text).toContain('event: error\n');
        expect(text).not.toContain('message_stop');
      } else {
        expect(answer.status).toBe(503);
        expect(answer.headers['retry-after']).toBe('1');
      }
      // Once it is back, the hold is given back and the loss is noted; nothing was charged.
      gateway.charging.reachable = true;
      await eventually(() => gateway.charging.resolved.size === 1);
      const { resolution, record } = gateway.charging.only();
      expect(resolution).toBe('void');
      expect(record.lossUsage).toBeGreaterThan(0n);
      expect(gateway.charging.balance).toBe(5_000_000_000n);
    },
  );

  test('a ledger that is back in time books the answer as usual', async () => {
    const gateway = await simWorld();
    gateway.charging.reachable = false;
    setTimeout(() => {
      gateway.charging.reachable = true;
    }, 200);
    const answer = await ask(gateway, { body: streamed });
    expect(answer.body.toString()).toContain('event: message_stop');
    expect(gateway.charging.only().resolution).toBe('settle');
  });
});

describe('a client that leaves pays for what was produced, once', () => {
  test.each([
    ['before the first byte', () => true, 'ok;first_ms=150'],
    ['after message_start', (text: string) => text.includes('message_start'), 'ok;chunk_ms=10'],
    ['after some text', (text: string) => text.includes('delta'), 'ok;chunk_ms=10'],
  ])('%s', async (_when, leave, name) => {
    const gateway = await simWorld();
    const undisturbed = await ask(gateway, { ...scenario(name), body: streamed });
    expect(undisturbed.broken).toBe(false);
    const { cost } = gateway.charging.only();
    gateway.charging.resolved.clear();
    if (name.includes('first_ms')) {
      const short = { ...scenario(name), body: streamed, hangUpAfterMs: 50 };
      await ask(gateway, short).catch(() => {});
    } else {
      await ask(gateway, {
        ...scenario(name),
        body: streamed,
        leaveWhen: (bytes) => leave(bytes.toString()),
      });
    }
    await eventually(() => gateway.charging.resolved.size === 1);
    const settled = gateway.charging.only();
    expect(settled).toMatchObject({ resolution: 'settle', cost });
    expect(settled.record).toMatchObject({
      rule: 'S2',
      clientDisconnected: true,
      estimated: false,
    });
  });

  test('also of a JSON answer', async () => {
    const gateway = await simWorld();
    const leaving = { ...scenario('ok;first_ms=150'), hangUpAfterMs: 50 };
    await ask(gateway, leaving).catch(() => {});
    await eventually(() => gateway.charging.resolved.size === 1);
    expect(gateway.charging.only().record).toMatchObject({ rule: 'S1', clientDisconnected: true });
  });

  test('a client that stops reading does not keep the upstream from being read', async () => {
    const big = 'x'.repeat(20_000);
    const events = streamEvents({
      texts: Array.from({ length: 400 }, () => big),
      outputTokens: 90,
    });
    const gateway = await world(
      await scriptedUpstream((response) => {
        response.writeHead(200, { 'content-type': 'text/event-stream' });
        response.end(events.join(''));
      }),
    );
    await ask(gateway, {
      body: streamed,
      pauseReading: true,
      hangUpAfterMs: 400,
    }).catch(() => {});
    await eventually(() => gateway.charging.resolved.size === 1);
    expect(gateway.charging.only().record).toMatchObject({ rule: 'S2', clientDisconnected: true });
  });

  test('beyond the budget the known input and the counted output are charged, as an estimate', async () => {
    const open: ServerResponse[] = [];
    const upstream = await upstreamOf((response, events) => {
      response.write(events.slice(0, 5).join(''));
      open.push(response);
    });
    const gateway = await world(upstream, { pumpLimits: { count: 0, ms: 60_000 } });
    await ask(gateway, {
      body: streamed,
      leaveWhen: (bytes) => bytes.toString().includes('text_delta'),
    });
    await eventually(() => gateway.charging.resolved.size === 1);
    const { resolution, cost, record } = gateway.charging.only();
    expect(resolution).toBe('settle');
    expect(record).toMatchObject({ rule: 'S11', estimated: true, clientDisconnected: true });
    expect(record.usage?.iterations[0]?.inputTokens).toBe(25);
    // "Hello – wörld 🌍": five tokens, give or take.
    expect(cost).toBeGreaterThan(25n * 5_000n);
    expect(cost).toBeLessThan(25n * 5_000n + 10n * 25_000n);
    await eventually(() => open[0]?.destroyed === true);
  });

  test('an answer that goes on for too long after its client is ended the same way', async () => {
    const upstream = await upstreamOf((response, events) => {
      response.write(events.slice(0, 5).join(''));
    });
    const gateway = await world(upstream, { pumpLimits: { count: 1, ms: 100 } });
    await ask(gateway, { body: streamed, leaveWhen: () => true });
    await eventually(() => gateway.charging.resolved.size === 1);
    expect(gateway.charging.only().record.rule).toBe('S11');
  });
});

describe('ending the process', () => {
  test('new requests are refused, running ones finish', async () => {
    const gateway = await simWorld();
    let received = '';
    const running = ask(gateway, {
      ...scenario('ok;chunk_ms=20'),
      body: streamed,
      leaveWhen: (bytes) => {
        received = bytes.toString();
        return false;
      },
    });
    await eventually(() => received.includes('message_start'));
    const drained = gateway.gateway.drain();
    const late = await ask(gateway);
    expect(late.status).toBe(503);
    expect(late.headers['retry-after']).toBe('1');
    expect(JSON.parse(late.body.toString()).error).toMatchObject({
      type: 'overloaded_error',
      details: { error_code: 'draining' },
    });
    expect((await running).body.toString()).toContain('event: message_stop');
    await drained;
    expect(gateway.charging.only().resolution).toBe('settle');
  });

  test('what outlasts the drain is cut off and costs nothing', async () => {
    const gateway = await simWorld({ drainSeconds: 0.2 });
    const running = ask(gateway, { ...scenario('hang;after=2'), body: streamed });
    await eventually(() => gateway.charging.holds.size === 1);
    await new Promise((resolve) => setTimeout(resolve, 50));
    await gateway.gateway.drain();
    expect((await running).broken).toBe(true);
    expect(gateway.charging.only()).toMatchObject({ resolution: 'void', record: { rule: 'S8' } });
  });
});
