import { isRecord } from './scenario.ts';
import { offeredTool, type ToolCall } from './tools.ts';

/** What the simulator reads of a Messages request; everything else is accepted unread. */
export interface MessagesRequest {
  readonly model: string;
  readonly maxTokens: number;
  readonly stream: boolean;
  readonly speed: string;
  readonly inferenceGeo: string;
  readonly bodyBytes: number;
  /** The container it is to be worked on in. */
  readonly container: string | null;
  /** The client's tool that an answer may call. */
  readonly tool: Omit<ToolCall, 'id'> | null;
}

export type RequestOutcome =
  | { readonly kind: 'request'; readonly request: MessagesRequest }
  | { readonly kind: 'invalid'; readonly message: string };

/** Sampling parameters left the API with version 2026-10-21. */
const samplingParameters = ['temperature', 'top_p', 'top_k'] as const;
const versionWithoutSampling = '2026-10-21';

/** Checks a body of `POST /v1/messages`; with `counting`, one of `/v1/messages/count_tokens`. */
export function readMessagesRequest(
  body: Buffer,
  apiVersion: string,
  counting: boolean,
): RequestOutcome {
  let value: unknown;
  try {
    value = JSON.parse(body.toString('utf8'));
  } catch {
    return invalid('The request body is not valid JSON.');
  }
  if (!isRecord(value)) return invalid('The request body must be a JSON object.');
  const { model, max_tokens: maxTokens, messages } = value;
  if (typeof model !== 'string' || model === '') return invalid('model: Field required');
  if (!counting) {
    if (maxTokens === undefined) return invalid('max_tokens: Field required');
    if (typeof maxTokens !== 'number' || !Number.isSafeInteger(maxTokens) || maxTokens < 0) {
      return invalid('max_tokens: Input should be a non-negative integer');
    }
  }
  if (messages === undefined) return invalid('messages: Field required');
  if (!Array.isArray(messages)) return invalid('messages: Input should be a valid list');
  if (messages.length === 0) return invalid('messages: at least one message is required');
  if (apiVersion >= versionWithoutSampling) {
    for (const parameter of samplingParameters) {
      if (parameter in value) return invalid(`${parameter}: Extra inputs are not permitted`);
    }
  }
  const request: MessagesRequest = {
    model,
    maxTokens: typeof maxTokens === 'number' ? maxTokens : 0,
    stream: value.stream === true,
    speed: typeof value.speed === 'string' ? value.speed : 'standard',
    inferenceGeo: typeof value.inference_geo === 'string' ? value.inference_geo : 'global',
    bodyBytes: body.length,
    container: containerIn(value.container),
    tool: offeredTool(value),
  };
  return { kind: 'request', request };
}

/** By its id, or by an object that has it. */
function containerIn(container: unknown): string | null {
  const id = isRecord(container) ? container.id : container;
  return typeof id === 'string' ? id : null;
}

/** A rough count, as the real endpoint's is: one token for every four bytes of the body. */
export function roughTokens(bodyBytes: number): number {
  return Math.max(1, Math.ceil(bodyBytes / 4));
}

function invalid(message: string): RequestOutcome {
  return { kind: 'invalid', message };
}
