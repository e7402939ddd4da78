import type { Chance } from '../chaos/chance.ts';

/** How a stream ends at the model, and whether what it says of its usage is charged (S2–S9). */
export const ENDINGS = {
  ok: true,
  no_stop: true,
  refusal_midstream: true,
  double_delta: true,
  thinking: true,
  refusal: false,
  overloaded_midstream: false,
  cut_midstream: false,
} as const satisfies Record<string, boolean>;

type Ending = keyof typeof ENDINGS;

const KINDS: readonly Ending[] = [
  // As in life, most streams end as they should.
  ...Array.from({ length: 8 }, () => 'ok' as const),
  'no_stop',
  'refusal_midstream',
  'double_delta',
  'thinking',
  'refusal',
  'overloaded_midstream',
  'cut_midstream',
];

export const MODELS = ['claude-opus-5-5', 'claude-sonnet-5', 'claude-haiku-5-5'] as const;

/** When the client leaves. */
export type Cut =
  | { readonly when: 'never' }
  /** So many ms after it has asked, wherever that is. */
  | { readonly when: 'time'; readonly ms: number }
  /** With that many bytes of the answer, or at its end if it is shorter. */
  | { readonly when: 'bytes'; readonly count: number };

export interface Wish {
  readonly model: string;
  readonly scenario: string;
  readonly cut: Cut;
  /** Which account pays. */
  readonly payer: number;
}

/** What one stream is to be: all of it follows from the seed. */
export function wishFrom(chance: Chance, payers: number): Wish {
  const model = chance.pick(MODELS);
  const settings = {
    input_tokens: chance.between(1, 40),
    output_tokens: chance.between(1, 60),
    cache_read: chance.happens(0.3) ? chance.between(1, 30) : 0,
    cache_write_5m: chance.happens(0.2) ? chance.between(1, 15) : 0,
    chunks: chance.between(1, 12),
    chunk_ms: chance.between(1, 4),
    first_ms: chance.happens(0.3) ? chance.between(1, 20) : 0,
    model,
  };
  const pairs = Object.entries(settings).map(([key, value]) => `${key}=${value}`);
  return {
    model,
    scenario: [chance.pick(KINDS), ...pairs].join(';'),
    cut: cutFrom(chance),
    payer: chance.between(0, payers - 1),
  };
}

function cutFrom(chance: Chance): Cut {
  if (chance.happens(0.25)) return { when: 'never' };
  if (chance.happens(0.4)) return { when: 'time', ms: chance.between(0, 60) };
  return { when: 'bytes', count: chance.between(1, 4_000) };
}
