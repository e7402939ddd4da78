import type { ServerResponse } from 'node:http';
import type { Caller } from '#gateway/auth';
import { rateHeaders } from '#gateway/rate-headers';
import { type Refused, refused } from '#gateway/refused';
import { type SetCap, tierCaps } from '#gateway/tier-cap';
import { REFUSALS } from '#http/wire-errors';
import type { Clock } from '#kernel/clock';
import { isObject } from '#kernel/json';
import type { Usage } from '#kernel/usage';
import type { Limiter, Refusal } from '#rate-limits/limiter';
import type { Asker, ModelEntrance, ModelLimits } from '#rate-limits/model-limits';
import { type Endpoint, NO_OVERRIDES } from '#rate-limits/overrides';
import type { LimitKind } from '#rate-limits/tiers';

/** What an answer says of its usage while it comes and when it is over. */
export interface UsageMeter {
  /** The first event of a stream, which knows the whole input. */
  started(event: unknown): void;
  /** Output so far, roughly. */
  produced(tokens: number): void;
  /** The end: what was used in all, null if nothing is known of it. */
  used(usage: Usage | null): void;
}

/** The limits of one Messages request. */
export interface RateEntry {
  /** Before anything is held: undefined lets it go on. */
  enter(body: unknown): Promise<Refused | undefined>;
  /** Puts what is left of the limits on the answer, whichever it will be. */
  show(response: ServerResponse): void;
  readonly meter: UsageMeter;
}

export interface RateGate {
  /** Undefined where nothing limits this organization. */
  entry(caller: Caller, bytes: number): RateEntry | undefined;
  /** The limit of an endpoint that asks no model. Says on the answer what is left of it. */
  endpoint(
    endpoint: Endpoint,
    caller: Caller,
    response: ServerResponse,
  ): Promise<Refused | undefined>;
  close(): Promise<void>;
}

export interface RateGateOptions {
  readonly limits: ModelLimits;
  readonly limiter: Limiter;
  readonly clock: Clock;
  /** The operator's brand, only if one was configured. */
  readonly brand?: string | undefined;
  /** Where a customer sees the limits, for messages under the operator's own brand. */
  readonly limitsUrl: string;
  /** Sets the monthly cap of an organization's tier. Absent: caps are not enforced. */
  readonly setCap?: SetCap | undefined;
}

const TICK_MS = 250;
/** Output is said in steps: each is a little work, and a limit a minute long does not mind. */
const OUTPUT_STEP = 200;

export function rateGate(options: RateGateOptions): RateGate {
  const { limits, limiter, clock } = options;
  const caps = tierCaps(options.setCap, clock);
  const ticking = setInterval(() => limiter.tick(), TICK_MS).unref();
  return {
    entry(caller, bytes) {
      const asker = askerOf(limits, caller);
      const cap = asker.tier?.spendCap ?? null;
      if (unlimited(asker) && !caps.differs(caller, cap)) return undefined;
      const { organizationId } = caller;
      let entrance: ModelEntrance = { outcome: 'unlimited' };
      let headers: Readonly<Record<string, string>> = {};
      return {
        async enter(body) {
          if (caps.differs(caller, cap)) await caps.put(organizationId, cap);
          if (unlimited(asker)) return undefined;
          entrance = await limits.enter({ asker, body, bytes });
          if (entrance.outcome === 'unlimited') return undefined;
          // As of now, and not once the hold is taken: time refills what this request took.
          headers = rateHeaders(entrance, clock.now());
          if (entrance.outcome === 'entered') return undefined;
          const model = isObject(body) && typeof body.model === 'string' ? body.model : '';
          return refused('rate_limited', modelMessage(options, organizationId, model, entrance));
        },
        show: (response) => showHeaders(response, headers),
        meter: meterOf(() => entrance),
      };
    },
    async endpoint(endpoint, caller, response) {
      const asker = askerOf(limits, caller);
      // Whoever only makes batches has a cap too.
      const cap = asker.tier?.spendCap ?? null;
      if (caps.differs(caller, cap)) await caps.put(caller.organizationId, cap);
      if (unlimited(asker)) return undefined;
      const entrance = await limits.enterEndpoint(asker, endpoint);
      showHeaders(response, rateHeaders(entrance, clock.now()));
      if (entrance.outcome === 'entered') return undefined;
      return refused('rate_limited', endpointMessage(entrance));
    },
    async close() {
      clearInterval(ticking);
      await limiter.close();
    },
  };
}

function askerOf(limits: ModelLimits, caller: Caller): Asker {
  const { organizationId, workspaceId, workspaceLimits = NO_OVERRIDES } = caller;
  const tier = limits.tierNamed(caller.tier);
  return { organizationId, workspaceId, tier, overrides: workspaceLimits };
}

const unlimited = ({ tier, overrides }: Asker): boolean =>
  tier === undefined && overrides.size === 0;

function showHeaders(response: ServerResponse, headers: Readonly<Record<string, string>>): void {
  if (response.headersSent) return;
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
}

function meterOf(entrance: () => ModelEntrance): UsageMeter {
  let said = 0;
  let over = false;
  const entered = () => {
    const now = entrance();
    return now.outcome === 'entered' ? now : undefined;
  };
  return {
    started(event) {
      const message = isObject(event) && isObject(event.message) ? event.message : {};
      const usage = isObject(message.usage) ? message.usage : {};
      const written = tokens(usage.cache_creation_input_tokens) ?? 0;
      const input = tokens(usage.input_tokens);
      if (input !== undefined) entered()?.inputCounted(input + written);
    },
    produced(output) {
      if (output - said < OUTPUT_STEP || over) return;
      said = output;
      entered()?.count('output_tokens', output);
    },
    used(usage) {
      if (over) return;
      over = true;
      const now = entered();
      const { input, output } = totalOf(usage);
      now?.count('output_tokens', output);
      if (usage === null) now?.count('input_tokens', 0);
      else now?.inputCounted(input);
    },
  };
}

/** Cache reads are not counted; an attempt that costs nothing is. */
function totalOf(usage: Usage | null): { readonly input: number; readonly output: number } {
  let [input, output] = [0, 0];
  for (const turn of usage?.iterations ?? []) {
    input += turn.inputTokens + turn.cacheWrite5mTokens + turn.cacheWrite1hTokens;
    output += turn.outputTokens;
  }
  return { input, output };
}

const TOKENS_MAX = 100_000_000;

const tokens = (value: unknown): number | undefined =>
  typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= TOKENS_MAX
    ? value
    : undefined;

const WORDS: Readonly<Record<LimitKind, string>> = {
  requests: 'requests',
  input_tokens: 'input tokens',
  output_tokens: 'output tokens',
};

const numbered = (value: number): string => value.toLocaleString('en-US');

/** The literal text of the public API; under a brand of the operator's it points to his own pages. */
function modelMessage(
  { brand, limitsUrl }: RateGateOptions,
  organizationId: string,
  model: string,
  { kind, scope, perMinute }: Refusal,
): string {
  const limit = `${numbered(perMinute)} ${WORDS[kind]} per minute`;
  const docs = brand === undefined ? 'https://docs.claude.com/en/api/rate-limits' : limitsUrl;
  const sales =
    brand === undefined
      ? ' You may also contact sales at https://www.anthropic.com/contact-sales to discuss your ' +
        'options for a rate limit increase.'
      : '';
  return (
    `This request would exceed your ${scope}'s rate limit of ${limit} ` +
    `(org: ${organizationId}, model: ${printable(model)}). For details, refer to: ${docs}. ` +
    'You can see the response headers for current usage. Please reduce the prompt length or the ' +
    `maximum tokens requested, or try again later.${sales}`
  );
}

const endpointMessage = ({ scope, perMinute }: Refusal): string =>
  `${REFUSALS.rate_limited.message.replace('organization', scope)} of ${numbered(perMinute)} ` +
  'requests per minute.';

const MODEL_CHARS_MAX = 200;

/** A name from outside as it may stand in a message. */
const printable = (name: string): string =>
  name.slice(0, MODEL_CHARS_MAX).replace(/[^\x20-\x7e]/g, '?');
