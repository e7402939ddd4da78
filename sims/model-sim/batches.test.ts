import Anthropic from '@anthropic-ai/sdk';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { startModelSim } from './server.ts';

let sim: Awaited<ReturnType<typeof startModelSim>>;
beforeEach(async () => {
  sim = await startModelSim({ host: '127.0.0.1', port: 0 });
});
afterEach(() => sim.close());

const clientOf = (manner = '') =>
  new Anthropic({
    baseURL: sim.url,
    apiKey: 'made-up',
    maxRetries: 0,
    defaultHeaders: { 'x-sim-batch': manner },
  });
const requestsOf = (...scenarios: string[]) =>
  scenarios.map((scenario, index) => ({
    custom_id: `a${index}`,
    params: {
      model: 'claude-opus-5',
      max_tokens: 100,
      messages: [{ role: 'user' as const, content: 'What does a meter read?' }],
      metadata: { user_id: `sim:${scenario}` },
    },
  }));
async function download(id: string): Promise<{ status: number; text: string }> {
  const answer = await fetch(`${sim.url}/v1/messages/batches/${id}/results`, {
    headers: { 'x-api-key': 'made-up', 'anthropic-version': '2023-06-01' },
  });
  return { status: answer.status, text: await answer.text() };
}

test('a batch ends after as many looks as it was told, and its items as each was told', async () => {
  const { batches } = clientOf('polls=2').messages;
  const requests = requestsOf('ok;output_tokens=7', 'errored', 'expired', 'canceled', 'missing');
  const made = await batches.create({ requests });
  expect(made.request_counts.processing).toBe(5);
  expect((await download(made.id)).status).toBe(404);
  expect((await batches.retrieve(made.id)).processing_status).toBe('in_progress');
  const ended = await batches.retrieve(made.id);
  expect(ended).toMatchObject({
    processing_status: 'ended',
    request_counts: { processing: 0, succeeded: 1, errored: 2, canceled: 1, expired: 1 },
  });
  const lines = (await download(made.id)).text.trim().split('\n');
  const results = lines.map((line) => JSON.parse(line));
  expect(results.map(({ custom_id: name }) => name)).toEqual(['a3', 'a2', 'a1', 'a0']);
  expect(results[3].result).toMatchObject({
    type: 'succeeded',
    message: { type: 'message', usage: { output_tokens: 7, service_tier: 'batch' } },
  });
  expect(await batches.delete(made.id)).toMatchObject({ type: 'message_batch_deleted' });
});

test('equal batches have ids of their own and equal results', async () => {
  const { batches } = clientOf().messages;
  const requests = requestsOf('ok');
  const [one, other] = [await batches.create({ requests }), await batches.create({ requests })];
  expect(one.id).not.toBe(other.id);
  for (const { id } of [one, other]) await batches.retrieve(id);
  expect(await download(one.id)).toEqual(await download(other.id));
  const listed = await batches.list();
  expect(listed.data.map(({ id }) => id)).toEqual([other.id, one.id]);
});

test('canceled, it keeps what was done; results may break off', async () => {
  const { batches } = clientOf('polls=9;done=1;cuts=1').messages;
  const { id } = await batches.create({ requests: requestsOf('ok', 'ok') });
  expect((await batches.cancel(id)).processing_status).toBe('canceling');
  const ended = await batches.retrieve(id);
  expect(ended.request_counts).toMatchObject({ succeeded: 1, canceled: 1 });
  await expect(download(id)).rejects.toThrow();
  expect((await download(id)).status).toBe(200);
});

test.each([
  ['an unknown key', { manner: 'looks=1', requests: requestsOf('ok') }],
  ['no items', { manner: '', requests: [] }],
  ['a name twice', { manner: '', requests: [...requestsOf('ok'), ...requestsOf('ok')] }],
])('%s is a 400', async (_what, { manner, requests }) => {
  const refused = clientOf(manner).messages.batches.create({ requests });
  await expect(refused).rejects.toMatchObject({ status: 400 });
});
