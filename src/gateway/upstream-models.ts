import { smallAnswer } from '#gateway/small-answer';
import type { Upstream } from '#gateway/upstream';
import type { Clock } from '#kernel/clock';
import { isObject } from '#kernel/json';

export const LIFECYCLES = ['active', 'deprecated', 'retired'] as const;
export type Lifecycle = (typeof LIFECYCLES)[number];

/** What only the upstream knows of a model. */
export interface UpstreamModel {
  /** Passed on as it is: a new capability is shown before this server has heard of it. */
  readonly capabilities: Readonly<Record<string, unknown>> | null;
  readonly lifecycle: Lifecycle | null;
  readonly deprecatedAt: string | null;
  readonly retiresAt: string | null;
}

export type UpstreamModels = ReadonlyMap<string, UpstreamModel>;

const LIST_MS = 2_000;
const LIST_BYTES_MAX = 4_194_304;
const GOOD_FOR_MS = 300_000;
// An upstream that does not list its models is not asked at every request.
const TRY_AGAIN_MS = 30_000;
const NONE: UpstreamModels = new Map();

/**
 * The upstream's own list of models, remembered for five minutes and then renewed behind the back
 * of who asks. Empty where the upstream does not say: a list here never fails for that.
 */
export function upstreamModels(upstream: Upstream, clock: Clock): () => Promise<UpstreamModels> {
  let known: UpstreamModels | undefined;
  let freshUntilMs = Number.NEGATIVE_INFINITY;
  let asking: Promise<UpstreamModels> | undefined;

  async function look(): Promise<UpstreamModels> {
    const answer = await smallAnswer(
      upstream,
      {
        method: 'GET',
        path: '/v1/models?limit=1000',
        headers: ['anthropic-version', '2023-06-01', 'accept-encoding', 'identity'],
        body: Buffer.alloc(0),
      },
      { ms: LIST_MS, bytesMax: LIST_BYTES_MAX },
    );
    const read = readList(answer);
    freshUntilMs = clock.elapsedMs() + (read === undefined ? TRY_AGAIN_MS : GOOD_FOR_MS);
    known = read ?? known ?? NONE;
    return known;
  }

  return async () => {
    if (known !== undefined && clock.elapsedMs() < freshUntilMs) return known;
    asking ??= look().finally(() => {
      asking = undefined;
    });
    return known ?? (await asking);
  };
}

/** Undefined if it is no list of models. */
function readList(answer: unknown): UpstreamModels | undefined {
  if (!isObject(answer) || !Array.isArray(answer.data)) return undefined;
  const models = new Map<string, UpstreamModel>();
  for (const model of answer.data) {
    if (!isObject(model) || typeof model.id !== 'string') continue;
    models.set(model.id, {
      capabilities: isObject(model.capabilities) ? model.capabilities : null,
      lifecycle: LIFECYCLES.find((stage) => stage === model.lifecycle) ?? null,
      deprecatedAt: timeOf(model.deprecated_at),
      retiresAt: timeOf(model.retires_at),
    });
  }
  return models;
}

function timeOf(value: unknown): string | null {
  if (typeof value !== 'string') return null;
  const at = new Date(value);
  return Number.isNaN(at.getTime()) ? null : at.toISOString();
}
