import { isObject } from '#kernel/json';

/** What an answer says was made in the operator's account, for whoever asked. */
export interface MadeThings {
  readonly containers: readonly string[];
  readonly files: readonly string[];
}

const ID = /^[A-Za-z0-9_-]{1,200}$/;
/** Blocks that the upstream alone writes: whatever a model or a customer says stands in others. */
const RESULTS: ReadonlySet<unknown> = new Set([
  'code_execution_tool_result',
  'bash_code_execution_tool_result',
]);
const OUTPUTS: ReadonlySet<unknown> = new Set([
  'code_execution_output',
  'bash_code_execution_output',
]);

/**
 * Reads a parsed answer, or a parsed event of a stream: `message_start`, `content_block_start` and
 * `message_delta` tell of it. Undefined, after a look at a few fields, where nothing was made.
 */
export function madeIn(told: unknown): MadeThings | undefined {
  if (!isObject(told)) return undefined;
  const { content_block: block, delta, message = told } = told;
  if (isObject(block)) return made([], filesOf(block));
  if (isObject(delta)) return made(containerOf(delta), []);
  if (!isObject(message)) return undefined;
  const blocks = Array.isArray(message.content) ? message.content : [];
  return made(containerOf(message), blocks.flatMap(filesOf));
}

function made(containers: readonly string[], files: readonly string[]): MadeThings | undefined {
  return containers.length + files.length === 0 ? undefined : { containers, files };
}

function containerOf({ container }: Readonly<Record<string, unknown>>): readonly string[] {
  return isObject(container) ? idOf(container.id) : [];
}

/** Of the blocks of an answer, what they say lies among the files now. */
function filesOf(block: unknown): readonly string[] {
  if (!isObject(block)) return [];
  if (block.type === 'container_upload') return idOf(block.file_id);
  if (!RESULTS.has(block.type) || !isObject(block.content)) return [];
  const { content: outputs } = block.content;
  if (!Array.isArray(outputs)) return [];
  return outputs.flatMap((output) =>
    isObject(output) && OUTPUTS.has(output.type) ? idOf(output.file_id) : [],
  );
}

const idOf = (id: unknown): readonly string[] =>
  typeof id === 'string' && ID.test(id) ? [id] : [];
