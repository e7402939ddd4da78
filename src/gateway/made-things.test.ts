import { describe, expect, test } from 'vitest';
import { madeIn } from './made-things.ts';

const bash = (file_id: unknown) => ({
  type: 'bash_code_execution_tool_result',
  tool_use_id: 'srvtoolu_1',
  content: {
    type: 'bash_code_execution_result',
    ...{ stdout: '', stderr: '', return_code: 0 },
    content: [{ type: 'bash_code_execution_output', file_id }],
  },
});
const container = { id: 'container_1', expires_at: '2026-11-21T14:00:00Z' };

describe('what an answer made', () => {
  test('is its container and the files of its tools, in JSON', () => {
    const content = [{ type: 'text', text: 'Done.' }, bash('file_1'), bash('file_2')];
    expect(madeIn({ type: 'message', container, content })).toEqual({
      containers: ['container_1'],
      files: ['file_1', 'file_2'],
    });
  });

  test('is told by three events of a stream', () => {
    expect(madeIn({ type: 'message_start', message: { container, content: [] } })).toEqual({
      containers: ['container_1'],
      files: [],
    });
    expect(madeIn({ type: 'content_block_start', content_block: bash('file_1') })).toEqual({
      containers: [],
      files: ['file_1'],
    });
    expect(madeIn({ type: 'message_delta', delta: { container }, usage: {} })).toEqual({
      containers: ['container_1'],
      files: [],
    });
  });

  test.each([
    ['a file loaded into a container', { type: 'container_upload', file_id: 'file_1' }],
    [
      'a file of the older tool',
      {
        type: 'code_execution_tool_result',
        content: { content: [{ type: 'code_execution_output', file_id: 'file_1' }] },
      },
    ],
  ])('is also %s', (_what, block) => {
    expect(madeIn({ content: [block] })?.files).toEqual(['file_1']);
  });

  test.each([
    ['nothing', null],
    ['no container', { type: 'message', container: null, content: [] }],
    ['a text that speaks of one', { content: [{ type: 'text', text: '{"file_id":"file_1"}' }] }],
    [
      'what a model says to a tool of the customer’s',
      { content: [{ type: 'tool_use', input: { ...bash('file_1'), container } }] },
    ],
    [
      'what a server of the customer’s has answered',
      { content: [{ ...bash('file_1'), type: 'mcp_tool_result' }] },
    ],
    ['an id that is none', { container: { id: '../secret' }, content: [bash('a/b'), bash(7)] }],
    ['an error of the tool', { content: [{ ...bash('file_1'), content: { error_code: 'x' } }] }],
  ])('is not %s', (_what, told) => {
    expect(madeIn(told)).toBeUndefined();
  });
});
