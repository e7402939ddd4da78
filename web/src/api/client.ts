import * as z from 'zod/mini';
import { errorBody } from '#console-api/contract';

// The pages are served under a policy without eval, which zod would otherwise probe for.
z.config({ jitless: true });

/** Longer than any honest answer; a hung connection must not leave a button busy for ever. */
const ANSWER_LIMIT_MS = 30_000;

type Said = {
  code: string;
  message: string;
  field?: string | undefined;
  next_step?: string | undefined;
  problems?: readonly Problem[] | undefined;
};

interface Problem {
  readonly field: string;
  readonly message: string;
}

/** What the server refused, or why no readable answer came. `status` 0: nothing arrived. */
export class Refusal extends Error {
  readonly status: number;
  readonly code: string;
  readonly field: string | undefined;
  readonly nextStep: string | undefined;
  /** All inputs at fault, where the form has several. */
  readonly problems: readonly Problem[];

  constructor(status: number, said: Said) {
    super(said.message);
    this.name = 'Refusal';
    this.status = status;
    this.code = said.code;
    this.field = said.field;
    this.nextStep = said.next_step;
    this.problems = said.problems ?? [];
  }
}

const UNREACHABLE: Said = {
  code: 'unreachable',
  message: 'The Console could not be reached.',
  next_step: 'Check your connection and try again.',
};

const UNREADABLE: Said = {
  code: 'unreadable_answer',
  message: 'The Console answered in a way this page does not understand.',
  next_step: 'Reload the page; it may be older than the server.',
};

async function refusalOf(response: Response): Promise<Refusal> {
  const body: unknown = await response.json().catch(() => undefined);
  const parsed = errorBody.safeParse(body);
  if (parsed.success) return new Refusal(response.status, parsed.data.error);
  return new Refusal(response.status, {
    code: 'unexpected_status',
    message: `The Console answered with status ${response.status}.`,
    next_step: 'Try again in a moment.',
  });
}

/** Calls the Console's API; throws `Refusal` for every answer but a well-formed success. */
export async function call<Answer>(
  method: 'GET' | 'POST',
  path: string,
  schema: z.ZodMiniType<Answer>,
  body?: unknown,
): Promise<Answer> {
  const init: RequestInit = {
    method,
    credentials: 'same-origin',
    signal: AbortSignal.timeout(ANSWER_LIMIT_MS),
  };
  if (method === 'POST') {
    init.headers = { 'content-type': 'application/json' };
    init.body = JSON.stringify(body ?? {});
  }
  let response: Response;
  try {
    response = await fetch(path, init);
  } catch {
    throw new Refusal(0, UNREACHABLE);
  }
  if (!response.ok) throw await refusalOf(response);
  const parsed = schema.safeParse(await response.json().catch(() => undefined));
  if (!parsed.success) throw new Refusal(response.status, UNREADABLE);
  return parsed.data;
}
