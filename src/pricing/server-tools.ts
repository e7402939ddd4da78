import { isObject } from '#kernel/json';
import { isPresent } from './body-scan.ts';

/** How often the upstream may sample by itself within one request (H2). */
export interface ServerLoop {
  /** The first turn and one after each server tool use. */
  readonly turnsMax: number;
  readonly compactionsMax: number;
  readonly webSearchesMax: number;
  readonly advisors: readonly AdvisorUse[];
}

/** Another model asked for advice in the middle of an answer. */
export interface AdvisorUse {
  readonly model: string;
  readonly usesMax: number;
  /** Of one advice; infinite where the request leaves it to the model. */
  readonly outputTokensMax: number;
}

/** What would give a tool a bound; `nothing` if no field of the request can. */
export type Missing = 'max_uses' | 'max_uses_in_range' | 'model_and_max_uses' | 'nothing';

type Refusal =
  | { readonly outcome: 'tool_cost_unbounded'; readonly tool: string; readonly missing: Missing }
  | { readonly outcome: 'invalid_request'; readonly message: string };

/** Run by the client, between requests: bounded by `max_tokens` like any answer. */
const CLIENT_TOOLS =
  /^(custom|bash|text_editor|computer|computer_toolset|browser_toolset|memory)(_\d{8})?$/;
/** Run by the upstream within the request, at most `max_uses` times. */
const CAPPED_TOOLS = /^web_(search|fetch)_\d{8}$/;
/** Asks a named model: bounded like the others, at that model's price. */
const ADVISOR = /^advisor_\d{8}$/;
export const USES_MAX = 1_000;

/**
 * Server tools loop without the client and re-read the context each time; `max_tokens` does not
 * bound that. `tools` are all tools offered, wherever they were defined. A tool without a cap, or
 * one this list does not know, is refused, because an unknown loop has no upper bound; unless the
 * operator carries the risk: then it counts as `carriedUses` uses, and more is an overrun (S13).
 */
export function readServerLoop(
  body: Readonly<Record<string, unknown>>,
  tools: readonly unknown[],
  carriedUses: number,
): ServerLoop | Refusal {
  let uses = 0;
  for (const tool of loopsOutsideTools(body)) {
    if (carriedUses === 0) return { outcome: 'tool_cost_unbounded', tool, missing: 'nothing' };
    uses += carriedUses;
  }
  if (isPresent(body.tools) && !Array.isArray(body.tools)) {
    return { outcome: 'invalid_request', message: 'tools: Input should be a valid list' };
  }
  let webSearchesMax = 0;
  const advisors: AdvisorUse[] = [];
  for (const tool of tools) {
    if (!isObject(tool)) {
      return { outcome: 'invalid_request', message: 'tools: Input should be a list of objects' };
    }
    const type = tool.type ?? 'custom';
    if (typeof type === 'string' && CLIENT_TOOLS.test(type)) continue;
    const cap = usesOf(type, tool) ?? carriedUsesOf(type, tool, carriedUses);
    if (cap === undefined) return unbounded(String(type), tool);
    uses += cap;
    if (String(type).startsWith('web_search')) webSearchesMax += cap;
    if (typeof tool.model === 'string' && ADVISOR.test(String(type))) {
      const { model, max_tokens: limit } = tool;
      const outputTokensMax = isCount(limit) ? limit : Number.POSITIVE_INFINITY;
      advisors.push({ model, usesMax: cap, outputTokensMax });
    }
  }
  const turnsMax = uses + 1;
  return { turnsMax, compactionsMax: compacts(body) ? turnsMax : 0, webSearchesMax, advisors };
}

/** What runs within the request and is no entry of its tools. */
function loopsOutsideTools(body: Readonly<Record<string, unknown>>): string[] {
  const { mcp_servers: servers, thread } = body;
  const serves = Array.isArray(servers) ? servers.length > 0 : isPresent(servers);
  // A continued thread offers tools that were sent earlier and are not in this body.
  const continues = isPresent(thread) && !(isObject(thread) && thread.type === 'create');
  return [...(serves ? ['mcp_servers'] : []), ...(continues ? ['thread'] : [])];
}

/** An adviser that is not named has no price, so nobody can carry it; nor a cap that is nonsense. */
function carriedUsesOf(
  type: unknown,
  tool: Readonly<Record<string, unknown>>,
  carriedUses: number,
): number | undefined {
  if (carriedUses === 0) return undefined;
  const name = String(type);
  if (ADVISOR.test(name) && typeof tool.model !== 'string') return undefined;
  const capped = ADVISOR.test(name) || CAPPED_TOOLS.test(name);
  return capped && isPresent(tool.max_uses) ? undefined : carriedUses;
}

function unbounded(type: string, tool: Readonly<Record<string, unknown>>): Refusal {
  const refusal = { outcome: 'tool_cost_unbounded', tool: type } as const;
  if (ADVISOR.test(type)) return { ...refusal, missing: 'model_and_max_uses' };
  if (!CAPPED_TOOLS.test(type)) return { ...refusal, missing: 'nothing' };
  return { ...refusal, missing: isPresent(tool.max_uses) ? 'max_uses_in_range' : 'max_uses' };
}

/** How often a tool may run, where its cost has a bound at all. An adviser needs a name. */
function usesOf(type: unknown, tool: Readonly<Record<string, unknown>>): number | undefined {
  if (typeof type !== 'string') return undefined;
  const advises = ADVISOR.test(type) && typeof tool.model === 'string';
  if (!CAPPED_TOOLS.test(type) && !advises) return undefined;
  const { max_uses: uses } = tool;
  return isCount(uses) && uses <= USES_MAX ? uses : undefined;
}

const isCount = (value: unknown): value is number =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 1;

/** Compaction is asked for as the whole request, or as an edit that may run before any turn. */
function compacts(body: Readonly<Record<string, unknown>>): boolean {
  if (isPresent(body.compaction)) return true;
  const { context_management: management } = body;
  if (!isObject(management) || !Array.isArray(management.edits)) return false;
  return management.edits.some((edit) => isObject(edit) && String(edit.type).startsWith('compact'));
}
