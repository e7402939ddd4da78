/**
 * What an answer carries beside its body: the ids and limits of the account that asked. Values
 * are made up and never change, so that one of them can be recognized wherever it must not turn up:
 * no tier has such limits.
 */
const ofTheAccount = {
  'anthropic-organization-id': '5e1f0000-0000-4000-8000-0000000051b0',
  'anthropic-workspace-id': 'wrkspc_sim',
  ...limited('requests', 4_321, 4_320),
  ...limited('tokens', 2_468_000, 2_467_000),
  ...limited('input-tokens', 2_100_000, 2_099_000),
  ...limited('output-tokens', 368_000, 367_000),
} as const;
/** Of an edge in front of the API. */
const ofTheEdge = { server: 'model-sim', 'set-cookie': '__sim_bm=made-up; Path=/; HttpOnly' };

/** Headers of every answer after authentication. */
export function answerHeaders(requestId: string): Readonly<Record<string, string>> {
  return { ...ofTheEdge, ...ofTheAccount, 'request-id': requestId };
}

/** Headers before anybody is known: a workspace cannot be named yet. */
export function edgeHeaders(requestId: string): Readonly<Record<string, string>> {
  return { ...ofTheEdge, 'request-id': requestId };
}

function limited(what: string, limit: number, remaining: number): Record<string, string> {
  const name = `anthropic-ratelimit-${what}`;
  return {
    [`${name}-limit`]: String(limit),
    [`${name}-remaining`]: String(remaining),
    [`${name}-reset`]: '2026-01-01T00:00:01Z',
  };
}
