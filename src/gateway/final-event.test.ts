import type { ServerResponse } from 'node:http';
import { afterEach, describe, expect, test } from 'vitest';
import {
  ask,
  eventually,
  question,
  scriptedUpstream,
  startGateway,
  streamEvents,
} from '#test/gateway-world';

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

const streamed = { ...question, stream: true };
const whole = streamEvents().join('');
const wholeBytes = Buffer.byteLength(whole);
const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** An upstream that sends `first` and goes on as `further` says; its ledger waits if `gated`. */
async function world(
  first: string,
  further: (response: ServerResponse) => void = () => {},
  gated = false,
) {
  const responses: ServerResponse[] = [];
  const upstream = await scriptedUpstream((response) => {
    responses.push(response);
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write(first, () => further(response));
  });
  const started = await startGateway(upstream.url);
  closing.push(
    () => upstream.close(),
    () => started.gateway.close(),
  );
  let open = (): void => {};
  if (gated) {
    started.charging.gate = new Promise((resolve) => {
      open = resolve;
    });
  }
  return { ...started, responses, open: () => open() };
}

describe('an answer that is charged arrives whole', () => {
  test('also if the upstream resets while its final event waits for the ledger', async () => {
    const reset = (response: ServerResponse) => setTimeout(() => response.destroy(), 50);
    const gateway = await world(whole, reset, true);
    const answer = ask(gateway, { body: streamed });
    await eventually(() => gateway.responses[0]?.destroyed === true);
    await wait(50);
    gateway.open();
    const { body, broken } = await answer;
    expect(broken).toBe(false);
    expect(body.toString()).toBe(whole);
    expect(gateway.charging.only()).toMatchObject({ resolution: 'settle', record: { rule: 'S2' } });
  });

  test('also if the upstream never ends after its final event, and is then closed', async () => {
    const gateway = await world(whole);
    const { body, broken } = await ask(gateway, { body: streamed });
    expect(broken).toBe(false);
    expect(body.toString()).toBe(whole);
    await eventually(() => gateway.responses[0]?.destroyed === true);
  });

  test('with the last LF of CRLF lines, which comes after the event has ended', async () => {
    const lines = whole.replaceAll('\n', '\r\n');
    const gateway = await world(lines.slice(0, -1), (response) =>
      setTimeout(() => response.end('\n'), 50),
    );
    const { body, broken } = await ask(gateway, { body: streamed });
    expect(broken).toBe(false);
    expect(body.toString()).toBe(lines);
  });
});

describe('what follows the final event is metered by nobody, so nobody gets it', () => {
  const more = `event: content_block_delta\ndata: {"text":"${'free '.repeat(50)}"}\n\n`;

  test('after it is booked', async () => {
    const gateway = await world(whole, (response) => {
      const timer = setInterval(() => response.write(more), 10);
      response.on('close', () => clearInterval(timer));
    });
    const { body, broken } = await ask(gateway, { body: streamed });
    expect(broken).toBe(false);
    expect(body.length).toBeLessThan(wholeBytes + 5 * more.length);
    await eventually(() => gateway.responses[0]?.destroyed === true, 900);
  });

  test('while it waits for the ledger, beyond the little that is held', async () => {
    const flood = (response: ServerResponse) => {
      const timer = setInterval(() => response.write(more.repeat(50)), 5);
      response.on('close', () => clearInterval(timer));
    };
    const gateway = await world(whole, flood, true);
    const answer = ask(gateway, { body: streamed });
    await eventually(() => gateway.responses[0]?.destroyed === true);
    gateway.open();
    const { body, broken } = await answer;
    expect(broken).toBe(false);
    expect(body.subarray(0, wholeBytes).toString()).toBe(whole);
    expect(body.length).toBeLessThan(wholeBytes + 65_537);
    expect(gateway.charging.only().record.rule).toBe('S2');
  });
});

describe('a final event without an end', () => {
  const comments = (response: ServerResponse) => {
    const timer = setInterval(() => response.write(': and so on\n'.repeat(2_000)), 5);
    response.on('close', () => clearInterval(timer));
  };

  test.each([
    ['S9', 'settle', streamEvents().slice(0, -1)],
    ['S8', 'void', streamEvents().slice(0, -2)],
  ])('is a cut answer once it is too large to hold (%s)', async (rule, resolution, events) => {
    const gateway = await world(`${events.join('')}event: message_stop\n`, comments);
    const { body, broken } = await ask(gateway, { body: streamed });
    expect(broken).toBe(true);
    expect(body.length).toBeLessThan(300_000);
    expect(gateway.charging.only()).toMatchObject({ resolution, record: { rule } });
    await eventually(() => gateway.responses[0]?.destroyed === true);
  });
});
