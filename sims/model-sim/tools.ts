import { isRecord } from './scenario.ts';

/** A call of a tool the client runs, as an answer asks for it. */
export interface ToolCall {
  readonly id: string;
  readonly name: string;
  readonly input: Readonly<Record<string, unknown>>;
}

/**
 * The tool a request may be answered with: the one `tool_choice` names, else its first client
 * tool. Null without such a tool, or where the conversation already ends in a tool's result.
 */
export function offeredTool(body: Readonly<Record<string, unknown>>): Omit<ToolCall, 'id'> | null {
  const { tools, messages, tool_choice: choice } = body;
  if (!Array.isArray(tools) || endsInResult(messages)) return null;
  const wanted = isRecord(choice) && typeof choice.name === 'string' ? choice.name : null;
  for (const tool of tools) {
    if (!isRecord(tool) || typeof tool.name !== 'string' || !isRecord(tool.input_schema)) continue;
    if (wanted === null || wanted === tool.name) {
      const input = sampleOf(tool.input_schema);
      return { name: tool.name, input: isRecord(input) ? input : {} };
    }
  }
  return null;
}

function endsInResult(messages: unknown): boolean {
  const last: unknown = Array.isArray(messages) ? messages.at(-1) : undefined;
  if (!isRecord(last) || !Array.isArray(last.content)) return false;
  return last.content.some((block) => isRecord(block) && block.type === 'tool_result');
}

/** A value that a simple schema accepts: always the same one. */
function sampleOf(schema: unknown): unknown {
  if (!isRecord(schema)) return null;
  const { type, enum: choices, properties } = schema;
  if (Array.isArray(choices)) return choices[0];
  switch (type) {
    case 'string':
      return 'simulated';
    case 'number':
    case 'integer':
      return 1;
    case 'boolean':
      return true;
    case 'array':
      return [];
    case 'object': {
      const fields = isRecord(properties) ? Object.entries(properties) : [];
      return Object.fromEntries(fields.map(([name, field]) => [name, sampleOf(field)]));
    }
    default:
      return null;
  }
}
