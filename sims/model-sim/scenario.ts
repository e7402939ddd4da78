/** Scenarios a caller can ask for, with the setting keys each of them understands. */
const pacing = ['chunks', 'chunk_ms', 'first_ms'] as const;
const counts = [
  'input_tokens',
  'output_tokens',
  'cache_read',
  'cache_write_5m',
  'cache_write_1h',
  'web_searches',
] as const;
const served = ['model', 'speed', 'inference_geo', 'stop_reason'] as const;
const whole = [...counts, ...pacing, ...served] as const;
const advice = ['retry_after', 'retry_after_ms', 'should_retry'] as const;
const refused = ['first_ms', 'until_retry', ...advice] as const;

const scenarioKeys = {
  ok: whole,
  usage: ['value', 'start', ...pacing, ...served],
  refusal: whole,
  refusal_midstream: [...whole, 'after'],
  overloaded: refused,
  overloaded_midstream: [...whole, 'after'],
  error_400: refused,
  error_401: refused,
  error_402: refused,
  error_403: refused,
  error_404: refused,
  error_409: refused,
  error_413: refused,
  error_429: refused,
  error_500: refused,
  error_503: refused,
  error_504: refused,
  cut_midstream: [...whole, 'after'],
  no_stop: [...whole, 'message_delta'],
  no_usage: whole,
  bad_usage: whole,
  hang: [...whole, 'after'],
  html: ['status', 'first_ms'],
  compaction: whole,
  fallback: whole,
  advisor: whole,
  fallback_declined: whole,
  fallback_sticky: whole,
  unknown_iteration: [...whole, 'iteration_model'],
  tool_use: whole,
  thinking: whole,
  code_execution: whole,
  odd_bytes: [...whole, 'line_end', 'comments', 'split'],
  double_start: whole,
  double_delta: whole,
  decreasing_usage: whole,
  after_stop: whole,
  unknown_events: whole,
  pings: [...whole, 'after'],
  truncated_json: whole,
  extra_response: whole,
  redirect: ['status', 'location', 'first_ms'],
} as const satisfies Record<string, readonly string[]>;

export type ScenarioName = keyof typeof scenarioKeys;

export interface Scenario {
  readonly name: ScenarioName;
  /** Non-negative integers, by key. */
  readonly numbers: ReadonlyMap<string, number>;
  /** Everything that is not a number: model, speed, inference_geo, stop_reason and so on. */
  readonly texts: ReadonlyMap<string, string>;
  /** The literal usage of `usage` (last event or JSON body), and that of `message_start`. */
  readonly literalUsage: Readonly<Record<string, unknown>> | null;
  readonly literalStartUsage: Readonly<Record<string, unknown>> | null;
}

export type ScenarioOutcome =
  | { readonly kind: 'scenario'; readonly scenario: Scenario }
  | { readonly kind: 'malformed'; readonly message: string };

/** Keys whose value is a word, with the words they take; null: any. */
const words: ReadonlyMap<string, readonly string[] | null> = new Map([
  ['model', null],
  ['speed', null],
  ['inference_geo', null],
  ['iteration_model', null],
  ['location', null],
  ['should_retry', ['true', 'false']],
  ['line_end', ['lf', 'crlf', 'cr']],
  [
    'stop_reason',
    ['end_turn', 'max_tokens', 'stop_sequence', 'pause_turn', 'model_context_window_exceeded'],
  ],
]);
const names: ReadonlySet<string> = new Set(Object.keys(scenarioKeys));

// A benchmark sends the same header a million times; a soak sends a million headers.
const remembered = new Map<string, ScenarioOutcome>();
const rememberedMax = 512;

/**
 * Reads `x-sim-scenario: NAME;key=value;…`. Absent means `ok`. Unknown names and keys are refused:
 * a typing error in a test must not quietly become a plain success.
 */
export function readScenario(header: string | undefined): ScenarioOutcome {
  const text = header === undefined || header === '' ? 'ok' : header;
  const known = remembered.get(text);
  if (known !== undefined) return known;
  const outcome = parseScenario(text);
  if (remembered.size >= rememberedMax) remembered.clear();
  remembered.set(text, outcome);
  return outcome;
}

function parseScenario(text: string): ScenarioOutcome {
  const [head = '', ...rest] = text.split(';').map((part) => part.trim());
  // `usage=BASE64` and `usage;BASE64` are accepted beside `usage;value=BASE64`.
  const [name, headValue] = splitOnce(head);
  if (!isScenarioName(name)) {
    return malformed(`unknown scenario "${name}"; known: ${[...names].join(', ')}`);
  }
  const allowed: readonly string[] = scenarioKeys[name];
  const numbers = new Map<string, number>();
  const texts = new Map<string, string>();
  const literals = new Map<string, Readonly<Record<string, unknown>>>();
  const pairs = rest.filter((part) => part !== '').map(splitOnce);
  if (headValue !== null) pairs.unshift(['value', headValue]);
  for (const pair of pairs) {
    const bare = pair[1] === null || pair[1] === '';
    const positional = name === 'usage' && !allowed.includes(pair[0]);
    const key = positional ? 'value' : pair[0];
    const value = positional ? `${pair[0]}${bare ? '' : `=${pair[1]}`}` : (pair[1] ?? '');
    if (!allowed.includes(key)) return malformed(`scenario "${name}" has no key "${key}"`);
    if (key === 'value' || key === 'start') {
      const literal = decodeUsage(value);
      if (literal === null) return malformed(`"${key}" of "${name}" is not a base64 JSON object`);
      literals.set(key, literal);
    } else if (words.has(key)) {
      const taken = words.get(key) ?? [value];
      if (!taken.includes(value)) return malformed(`"${key}" must be one of ${taken.join(', ')}`);
      texts.set(key, value);
    } else {
      if (!/^\d{1,9}$/.test(value)) return malformed(`"${key}" must be a whole number`);
      numbers.set(key, Number.parseInt(value, 10));
    }
  }
  if (name === 'usage' && !literals.has('value')) {
    return malformed('scenario "usage" needs value=BASE64 of a JSON object');
  }
  const scenario: Scenario = {
    name,
    numbers,
    texts,
    literalUsage: literals.get('value') ?? null,
    literalStartUsage: literals.get('start') ?? null,
  };
  return { kind: 'scenario', scenario };
}

/** What a caller gets who says how often it has asked before: with `until_retry`, an end of errors. */
export function onRetry(scenario: Scenario, retries: number): Scenario {
  const until = scenario.numbers.get('until_retry');
  if (until === undefined || retries < until) return scenario;
  return { ...scenario, name: 'ok', numbers: new Map(), texts: new Map() };
}

function malformed(message: string): ScenarioOutcome {
  return { kind: 'malformed', message: `x-sim-scenario: ${message}` };
}

function isScenarioName(name: string): name is ScenarioName {
  return names.has(name);
}

function splitOnce(part: string): [string, string | null] {
  const at = part.indexOf('=');
  return at === -1 ? [part, null] : [part.slice(0, at), part.slice(at + 1)];
}

function decodeUsage(base64: string): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(Buffer.from(base64, 'base64').toString('utf8'));
    return isRecord(value) ? value : null;
  } catch {
    return null;
  }
}

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
