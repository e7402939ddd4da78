import type { Usage } from '#kernel/usage';
import { rate } from '#pricing/rate';
import { chanceOf } from './chance.ts';
import { loadBookOrFail } from './engine.ts';

export interface Bias {
  readonly withinFourSigma: boolean;
  readonly text: string;
}

/**
 * Ways to cost less than two nano-USD. `period` units cost two or four nano: within a period, what
 * is rounded up and what is rounded down weigh the same, so a rounding without bias sums to nothing.
 */
interface Way {
  readonly nanosPerMillion: number;
  readonly us: boolean;
  readonly batch: boolean;
  readonly period: number;
}

const WAYS: readonly [Way, ...Way[]] = [
  { nanosPerMillion: 1, us: false, batch: false, period: 2_000_000 },
  { nanosPerMillion: 100, us: false, batch: false, period: 20_000 },
  { nanosPerMillion: 2_500, us: false, batch: true, period: 1_600 },
  { nanosPerMillion: 50_000, us: true, batch: false, period: 400 },
  { nanosPerMillion: 100_000, us: false, batch: false, period: 20 },
  { nanosPerMillion: 250_000, us: false, batch: false, period: 8 },
  { nanosPerMillion: 500_000, us: false, batch: false, period: 4 },
  { nanosPerMillion: 500_000, us: true, batch: true, period: 80 },
  { nanosPerMillion: 1_000_000, us: false, batch: true, period: 4 },
];

/**
 * The sum of (charged - exact) over costs below and around one nano-USD. Rounding half up, or down,
 * or towards zero, is tens of sigma away.
 */
export function biasOf(vectors: number, seed: number): Bias {
  const book = loadBookOrFail(tinyBook());
  const at = new Date('2026-01-02T00:00:00Z');
  const chance = chanceOf(seed);
  // In parts of 1 / 20,000,000 nano-USD: every cost below is a whole number of them.
  const parts = 20_000_000n;
  let drift = 0n;
  let squares = 0;
  let ties = 0;
  const started = performance.now();
  for (let vector = 0; vector < vectors; vector += 1) {
    const way = chance.of(WAYS);
    const units = chance.below(way.period);
    const rated = rate(book, usageOf(way, units), at);
    if (rated.outcome !== 'rated') throw new RangeError(rated.outcome);
    const exact =
      BigInt(units) * BigInt(way.nanosPerMillion) * (way.us ? 11n : 10n) * (way.batch ? 1n : 2n);
    const error = rated.amount * parts - exact;
    drift += error;
    const nanos = Number(error) / Number(parts);
    squares += nanos * nanos;
    if (exact % parts === parts / 2n) ties += 1;
  }
  const sigma = Math.sqrt(squares);
  const sum = Number(drift) / Number(parts);
  const perSecond = Math.round((vectors * 1_000) / (performance.now() - started));
  return {
    withinFourSigma: Math.abs(sum) <= 4 * sigma,
    text:
      `${vectors} costs below two nano-USD, ${ties} of them ties: charged - exact sums to ` +
      `${sum.toFixed(1)} nano-USD, ${(sum / sigma || 0).toFixed(2)} sigma (sigma ` +
      `${sigma.toFixed(1)}); ${perSecond} vectors/s`,
  };
}

const modelOf = ({ nanosPerMillion }: Way): string => `costs-${nanosPerMillion}`;

function usageOf(way: Way, units: number): Usage {
  return {
    iterations: [
      {
        model: modelOf(way),
        kind: 'message',
        billed: true,
        inputTokens: units,
        outputTokens: 0,
        cacheReadTokens: 0,
        cacheWrite5mTokens: 0,
        cacheWrite1hTokens: 0,
      },
    ],
    webSearches: 0,
    codeExecutionSeconds: 0,
    sessionMilliseconds: 0,
    speed: 'standard',
    inferenceGeo: way.us ? 'us' : 'global',
    serviceTier: way.batch ? 'batch' : 'standard',
  };
}

function tinyBook(): object {
  const prices = [...new Set(WAYS.map(({ nanosPerMillion }) => nanosPerMillion))];
  return {
    version: 'tiny',
    unit: 'nano_usd',
    models: prices.map((price) => ({
      model: `costs-${price}`,
      aliases: [],
      display_name: `Costs ${price}`,
      provider: 'example',
      released_at: '2026-01-01T00:00:00Z',
      context_window: 10_000_000,
      output_tokens_max: 1_000,
      from: '2026-01-01T00:00:00Z',
      until: null,
      region: '11/10',
      batch: '1/2',
      bands: [
        {
          prompt_tokens_above: 0,
          input: String(price),
          cache_write_5m: String(price),
          cache_write_1h: String(price),
          cache_read: String(price),
          output: String(price),
        },
      ],
    })),
  };
}
