import type Anthropic from '@anthropic-ai/sdk';
import { NotFoundError } from '@anthropic-ai/sdk';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type BatchCustomer, type BatchNode, type BatchWorld, batchWorld } from '#test/batch-world';
import { MODEL } from '#test/gateway-world';

let world: BatchWorld;
let node: BatchNode;
let own: BatchCustomer;
let stranger: BatchCustomer;

beforeAll(async () => {
  world = await batchWorld();
  node = await world.node();
});
afterAll(() => world.close());

const asked = (more: Partial<Anthropic.MessageCreateParamsNonStreaming> = {}) => ({
  model: MODEL,
  max_tokens: 100,
  messages: [{ role: 'user' as const, content: 'Make a file.' }],
  ...more,
});
const running = { headers: { 'x-sim-scenario': 'code_execution' } };
const fileIn = (message: Anthropic.Message): string | undefined => {
  for (const block of message.content) {
    if (block.type !== 'bash_code_execution_tool_result') continue;
    const { content } = block;
    if (content.type === 'bash_code_execution_result') return content.content[0]?.file_id;
  }
  return undefined;
};

test.each([
  ['create', (by: Anthropic, more = {}) => by.messages.create(asked(more), running)],
  ['stream', (by: Anthropic, more = {}) => by.messages.stream(asked(more), running).finalMessage()],
] as const)(
  'with the official client (%s) a conversation goes on in its container, with its files',
  async (_how, say) => {
    own = await world.customer('500');
    stranger = await world.customer('500');
    const [client, other] = [own.client(node), stranger.client(node)];
    const first = await say(client);
    const container = first.container?.id;
    const file = fileIn(first);
    if (container === undefined || file === undefined) throw new Error('nothing was made');
    expect(await (await client.files.download(file)).text()).toBe('made\n');
    expect((await client.files.list()).data.map(({ id }) => id)).toEqual([file]);
    const messages = [
      ...asked().messages,
      { role: 'assistant', content: first.content },
      { role: 'user', content: 'Go on.' },
    ];
    const second = await say(client, { container, messages });
    expect(second.container?.id).toBe(container);
    for (const attempt of [
      () => say(other, { container }),
      () => say(other, { messages }),
      () => other.files.download(file),
    ]) {
      await expect(attempt()).rejects.toBeInstanceOf(NotFoundError);
    }
    expect((await other.files.list()).data).toEqual([]);
  },
);
