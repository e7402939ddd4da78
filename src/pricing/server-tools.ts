import { isObject, isPresent } from './body-scan.ts';

/** How often the upstream may sample by itself within one request (H2). */
export interface ServerLoop {
  /** The first turn and one after each server tool use. */
  readonly turnsMax: number;
  readonly compactionsMax: number;
  readonly webSearchesMax: number;
}

type Refusal =
  | { readonly outcome: 'tool_cost_unbounded'; readonly tool: string }
  | { readonly outcome: 'invalid_request'; readonly message: string };

/** Run by the client, between requests: bounded by `max_tokens` like any answer. */
const CLIENT_TOOLS =
  /^(custom|bash|text_editor|computer|computer_toolset|browser_toolset|memory)(_\d{8})?$/;
/** Run by the upstream within the request, at most `max_uses` times. */
const CAPPED_TOOLS = /^web_(search|fetch)_\d{8}$/;
const USES_MAX = 1_000;

/**
 * Server tools loop without the client and re-read the context each time; `max_tokens` does not
 * bound that. `tools` are all tools offered, wherever they were defined. A tool without a cap, or
 * one this list does not know, is refused, because an unknown loop has no upper bound.
 */
export function readServerLoop(
  body: Readonly<Record<string, unknown>>,
  tools: readonly unknown[],
): ServerLoop | Refusal {
  const { mcp_servers: servers, thread } = body;
  if (Array.isArray(servers) ? servers.length > 0 : isPresent(servers)) {
    return { outcome: 'tool_cost_unbounded', tool: 'mcp_servers' };
  }
  if (isPresent(thread) && !(isObject(thread) && thread.type === 'create')) {
    // A continued thread offers tools that were sent earlier and are not in this body.
    return { outcome: 'tool_cost_unbounded', tool: 'thread' };
  }
  if (isPresent(body.tools) && !Array.isArray(body.tools)) {
    return { outcome: 'invalid_request', message: 'tools: Input should be a valid list' };
  }
  let uses = 0;
  let webSearchesMax = 0;
  for (const tool of tools) {
    if (!isObject(tool)) {
      return { outcome: 'invalid_request', message: 'tools: Input should be a list of objects' };
    }
    const type = tool.type ?? 'custom';
    if (typeof type === 'string' && CLIENT_TOOLS.test(type)) continue;
    const cap = usesOf(type, tool.max_uses);
    if (cap === undefined) return { outcome: 'tool_cost_unbounded', tool: String(type) };
    uses += cap;
    if (String(type).startsWith('web_search')) webSearchesMax += cap;
  }
  const turnsMax = uses + 1;
  return { turnsMax, compactionsMax: compacts(body) ? turnsMax : 0, webSearchesMax };
}

function usesOf(type: unknown, uses: unknown): number | undefined {
  if (typeof type !== 'string' || !CAPPED_TOOLS.test(type)) return undefined;
  if (typeof uses !== 'number' || !Number.isSafeInteger(uses)) return undefined;
  return uses >= 1 && uses <= USES_MAX ? uses : undefined;
}

/** Compaction is asked for as the whole request, or as an edit that may run before any turn. */
function compacts(body: Readonly<Record<string, unknown>>): boolean {
  if (isPresent(body.compaction)) return true;
  const { context_management: management } = body;
  if (!isObject(management) || !Array.isArray(management.edits)) return false;
  return management.edits.some((edit) => isObject(edit) && String(edit.type).startsWith('compact'));
}
