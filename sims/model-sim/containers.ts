import type { Answer } from './answer.ts';
import type { Block } from './content.ts';
import type { Files } from './files.ts';
import type { MessagesRequest } from './request.ts';
import type { Scenario } from './scenario.ts';

/** The container an answer was worked out in. */
export interface Container {
  readonly id: string;
  readonly expires_at: string;
}

/** Later than any test; equal answers must be equal. */
const EXPIRES_AT = '2099-01-01T00:00:00Z';

/** The container of the request, or a new one; null where no code is run. */
export function containerOf(
  request: MessagesRequest,
  scenario: Scenario,
  digest: string,
): Container | null {
  if (scenario.name !== 'code_execution') return null;
  return { id: request.container ?? `container_sim${digest.slice(0, 24)}`, expires_at: EXPIRES_AT };
}

const fileOf = (digest: string): string => `file_simmade${digest.slice(0, 24)}`;

/** What stands before the text of an answer that has run code: the call, and the file it made. */
export function codeRun(digest: string): readonly Block[] {
  const id = `srvtoolu_sim${digest.slice(0, 24)}`;
  const output = { type: 'bash_code_execution_output', file_id: fileOf(digest) };
  const result = {
    type: 'bash_code_execution_result',
    ...{ stdout: 'made\n', stderr: '', return_code: 0 },
    content: [output],
  };
  const command = 'echo made > made.txt';
  return [
    { type: 'server_tool_use', id, name: 'bash_code_execution', input: { command } },
    { type: 'bash_code_execution_tool_result', tool_use_id: id, content: result },
  ];
}

/** The containers there are, and the files that were made in them. */
export class Containers {
  readonly #ids = new Set<string>();

  knows(id: string): boolean {
    return this.#ids.has(id);
  }

  /** From now on what the answer tells of is there. */
  keep({ container }: Answer, digest: string, files: Files): void {
    if (container === null) return;
    this.#ids.add(container.id);
    files.make(fileOf(digest), 'made.txt', Buffer.from('made\n'));
  }
}
