import type { ToolCall } from './tools.ts';

type JsonObject = Readonly<Record<string, unknown>>;

/** One block of an answer's content, as a JSON body shows it and as a stream builds it up. */
export type Block =
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'thinking'; readonly thinking: string; readonly signature: string }
  | ({ readonly type: 'tool_use' | 'server_tool_use' } & ToolCall)
  | {
      readonly type: 'bash_code_execution_tool_result';
      readonly tool_use_id: string;
      readonly content: JsonObject;
    };

/** A block of a JSON body. */
export function blockOf(block: Block): JsonObject {
  return block.type === 'text' ? { ...block, citations: null } : { ...block };
}

/** What `content_block_start` says of a block: everything about it but its content. */
export function emptyBlockOf(block: Block): JsonObject {
  switch (block.type) {
    case 'text':
      return { type: 'text', text: '' };
    case 'thinking':
      return { type: 'thinking', thinking: '', signature: '' };
    case 'tool_use':
    case 'server_tool_use':
      return { type: block.type, id: block.id, name: block.name, input: {} };
    case 'bash_code_execution_tool_result':
      // It comes whole, and no deltas follow.
      return { ...block };
  }
}

/** The deltas that make up a block, its text or input cut into `pieces`. */
export function deltasOf(block: Block, pieces: number): readonly JsonObject[] {
  switch (block.type) {
    case 'text':
      return cut(block.text, pieces).map((text) => ({ type: 'text_delta', text }));
    case 'thinking':
      return [
        ...cut(block.thinking, pieces).map((thinking) => ({ type: 'thinking_delta', thinking })),
        { type: 'signature_delta', signature: block.signature },
      ];
    case 'bash_code_execution_tool_result':
      return [];
    case 'tool_use':
    case 'server_tool_use': {
      const parts = cut(JSON.stringify(block.input), pieces);
      return parts.map((part) => ({ type: 'input_json_delta', partial_json: part }));
    }
  }
}

function cut(text: string, wanted: number): string[] {
  // By characters: no delta of the real API breaks one in two.
  const characters = [...text];
  const pieces = Math.max(1, Math.min(wanted, characters.length));
  return Array.from({ length: pieces }, (_, index) => {
    const from = Math.floor((index * characters.length) / pieces);
    const to = Math.floor(((index + 1) * characters.length) / pieces);
    return characters.slice(from, to).join('');
  });
}
