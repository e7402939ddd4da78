/** Input, 5-minute write, 1-hour write, cache read, output: USD per million tokens as published. */
export type Published = readonly [string, string, string, string, string];

export interface Span {
  /** From the model's release where absent. */
  readonly from?: string;
  /** The model's retirement, or open, where absent. */
  readonly until?: string;
  readonly usd: Published;
  /** Rates of the whole request once its prompt is longer than this many tokens. */
  readonly above?: readonly [tokens: number, usd: Published];
  /** What fast mode multiplies every token price by; absent where it is not sold. */
  readonly fastTimes?: number;
  readonly window?: number;
}

export interface Model {
  readonly id: string;
  readonly alias?: string;
  readonly name: string;
  readonly released: string;
  readonly retired?: string;
  readonly window: number;
  readonly outputMax: number;
  /** US-only inference can be asked for, at the published factor; older models reject it. */
  readonly usInference?: true;
  /** Never offered in message batches. */
  readonly batch?: false;
  readonly spans: readonly [Span, ...Span[]];
}

const M = 1_000_000;
const K = 1_000;
const mythos5: Published = ['10', '12.50', '20', '1', '50'];
const mythos51: Published = ['10', '12.50', '20', '0.25', '50'];
const opus: Published = ['5', '6.25', '10', '0.50', '25'];
const opusLong: Published = ['10', '12.50', '20', '1', '37.50'];
const opusOld: Published = ['15', '18.75', '30', '1.50', '75'];
const sonnet: Published = ['3', '3.75', '6', '0.30', '15'];
const sonnetLong: Published = ['6', '7.50', '12', '0.60', '22.50'];
const sonnet5: Published = ['2', '2.50', '4', '0.20', '10'];
/** These models had no cache; every way to read input costs the input rate. */
const claude2: Published = ['8', '8', '8', '8', '24'];
/** What 4.6 and later have in common. */
const late = { window: M, outputMax: 128 * K, usInference: true } as const;
const longContextEnd = '2026-03-13';
const longContextBetaStart = '2025-08-07';
const longContextBetaEnd = '2026-04-30';

/**
 * First-party prices as published up to November 2026. What has no published price is left out on
 * purpose, because what has no price is refused and never guessed: `claude-mythos-preview` (no
 * price anywhere), `claude-mythos-5-2` (said to be as Fable 5.2, by nobody who sets it), fast mode
 * of Opus 5.5 ("about twice") and of Fable 5.2 (none). An operator who knows better adds a row.
 *
 * No published fast, regional or batch price differs from its multiple of the base rates, cache
 * rates included, so the table has factors and no explicit rates.
 */
export const publishedModels: readonly Model[] = [
  {
    id: 'claude-fable-5-2',
    name: 'Claude Fable 5.2',
    released: '2026-11-09',
    ...late,
    spans: [{ usd: ['8', '10', '16', '0.20', '40'] }],
  },
  {
    id: 'claude-fable-5-1',
    name: 'Claude Fable 5.1',
    released: '2026-09-01',
    ...late,
    spans: [{ usd: mythos51 }],
  },
  {
    id: 'claude-mythos-5-1',
    name: 'Claude Mythos 5.1',
    released: '2026-09-01',
    ...late,
    spans: [{ usd: mythos51 }],
  },
  {
    id: 'claude-fable-5',
    name: 'Claude Fable 5',
    released: '2026-06-09',
    ...late,
    spans: [{ usd: mythos5 }],
  },
  {
    id: 'claude-mythos-5',
    name: 'Claude Mythos 5',
    released: '2026-06-09',
    ...late,
    spans: [{ usd: mythos5 }],
  },
  {
    id: 'claude-opus-5-5',
    name: 'Claude Opus 5.5',
    released: '2026-09-22',
    ...late,
    spans: [{ usd: ['4', '5', '8', '0.20', '20'] }],
  },
  {
    id: 'claude-opus-5',
    name: 'Claude Opus 5',
    released: '2026-07-24',
    ...late,
    spans: [{ usd: opus, fastTimes: 2 }],
  },
  {
    id: 'claude-opus-4-8',
    name: 'Claude Opus 4.8',
    released: '2026-05-28',
    ...late,
    spans: [
      { until: '2026-11-30', usd: opus, fastTimes: 2 },
      // Fast mode is removed then: asked for, it is an error upstream too.
      { from: '2026-11-30', usd: opus },
    ],
  },
  {
    id: 'claude-opus-4-7',
    name: 'Claude Opus 4.7',
    released: '2026-04-16',
    ...late,
    spans: [
      { until: '2026-07-01', usd: opus, fastTimes: 6 },
      // Removed, and an error upstream too: only of 4.6 it is published that standard serves.
      { from: '2026-07-01', usd: opus },
    ],
  },
  {
    id: 'claude-opus-4-6',
    name: 'Claude Opus 4.6',
    released: '2026-02-05',
    ...late,
    spans: [
      { until: longContextEnd, usd: opus, above: [200 * K, opusLong], fastTimes: 6 },
      { from: longContextEnd, until: '2026-06-01', usd: opus, fastTimes: 6 },
      // Speed may still be asked for, and is served and billed as standard.
      { from: '2026-06-01', usd: opus, fastTimes: 1 },
    ],
  },
  {
    id: 'claude-opus-4-5-20251101',
    alias: 'claude-opus-4-5',
    name: 'Claude Opus 4.5',
    released: '2025-11-24',
    window: 200 * K,
    outputMax: 64 * K,
    spans: [{ usd: opus }],
  },
  {
    id: 'claude-sonnet-5-5',
    name: 'Claude Sonnet 5.5',
    released: '2026-09-28',
    ...late,
    spans: [
      { until: '2026-10-07', usd: sonnet5 },
      { from: '2026-10-07', usd: ['2', '2.50', '4', '0.10', '10'] },
    ],
  },
  {
    id: 'claude-sonnet-5',
    name: 'Claude Sonnet 5',
    released: '2026-06-30',
    ...late,
    spans: [{ usd: sonnet5 }],
  },
  {
    id: 'claude-sonnet-4-6',
    name: 'Claude Sonnet 4.6',
    released: '2026-02-17',
    ...late,
    spans: [
      { until: longContextEnd, usd: sonnet, above: [200 * K, sonnetLong] },
      { from: longContextEnd, usd: sonnet },
    ],
  },
  {
    id: 'claude-sonnet-4-5-20250929',
    alias: 'claude-sonnet-4-5',
    name: 'Claude Sonnet 4.5',
    released: '2025-09-29',
    window: 200 * K,
    outputMax: 64 * K,
    spans: [
      { until: longContextBetaEnd, usd: sonnet, above: [200 * K, sonnetLong], window: M },
      { from: longContextBetaEnd, usd: sonnet },
    ],
  },
  {
    id: 'claude-haiku-5-5',
    name: 'Claude Haiku 5.5',
    released: '2026-10-07',
    ...late,
    spans: [
      {
        usd: ['0.10', '0.125', '0.20', '0.01', '0.50'],
        above: [100 * K, ['0.50', '0.625', '1', '0.05', '2.50']],
      },
    ],
  },
  {
    id: 'claude-haiku-4-5-20251001',
    alias: 'claude-haiku-4-5',
    name: 'Claude Haiku 4.5',
    released: '2025-10-15',
    window: 200 * K,
    outputMax: 64 * K,
    spans: [{ usd: ['1', '1.25', '2', '0.10', '5'] }],
  },
  {
    id: 'claude-opus-4-1-20250805',
    alias: 'claude-opus-4-1',
    name: 'Claude Opus 4.1',
    released: '2025-08-05',
    retired: '2026-08-05',
    window: 200 * K,
    outputMax: 32 * K,
    spans: [{ usd: opusOld }],
  },
  {
    id: 'claude-opus-4-20250514',
    alias: 'claude-opus-4-0',
    name: 'Claude Opus 4',
    released: '2025-05-22',
    retired: '2026-06-15',
    window: 200 * K,
    outputMax: 32 * K,
    spans: [{ usd: opusOld }],
  },
  {
    id: 'claude-sonnet-4-20250514',
    alias: 'claude-sonnet-4-0',
    name: 'Claude Sonnet 4',
    released: '2025-05-22',
    retired: '2026-06-15',
    window: 200 * K,
    outputMax: 64 * K,
    spans: [
      { until: longContextBetaStart, usd: sonnet },
      {
        from: longContextBetaStart,
        until: longContextBetaEnd,
        usd: sonnet,
        above: [200 * K, sonnetLong],
        window: M,
      },
      { from: longContextBetaEnd, usd: sonnet },
    ],
  },
  {
    id: 'claude-3-7-sonnet-20250219',
    name: 'Claude Sonnet 3.7',
    released: '2025-02-24',
    retired: '2026-02-19',
    window: 200 * K,
    outputMax: 128 * K,
    spans: [{ usd: sonnet }],
  },
  {
    id: 'claude-3-5-sonnet-20241022',
    name: 'Claude Sonnet 3.5',
    released: '2024-10-22',
    retired: '2025-10-28',
    window: 200 * K,
    outputMax: 8_192,
    spans: [{ usd: sonnet }],
  },
  {
    id: 'claude-3-5-sonnet-20240620',
    name: 'Claude Sonnet 3.5 (June)',
    released: '2024-06-20',
    retired: '2025-10-28',
    window: 200 * K,
    outputMax: 8_192,
    spans: [{ usd: sonnet }],
  },
  {
    id: 'claude-3-5-haiku-20241022',
    name: 'Claude Haiku 3.5',
    released: '2024-10-22',
    retired: '2026-02-19',
    window: 200 * K,
    outputMax: 8_192,
    spans: [{ usd: ['0.80', '1', '1.60', '0.08', '4'] }],
  },
  {
    id: 'claude-3-opus-20240229',
    name: 'Claude Opus 3',
    released: '2024-02-29',
    retired: '2026-01-05',
    window: 200 * K,
    outputMax: 4_096,
    spans: [{ usd: opusOld }],
  },
  {
    id: 'claude-3-sonnet-20240229',
    name: 'Claude Sonnet 3',
    released: '2024-02-29',
    retired: '2025-07-21',
    window: 200 * K,
    outputMax: 4_096,
    batch: false,
    spans: [{ usd: sonnet }],
  },
  {
    id: 'claude-3-haiku-20240307',
    name: 'Claude Haiku 3',
    released: '2024-03-07',
    retired: '2026-04-20',
    window: 200 * K,
    outputMax: 4_096,
    spans: [{ usd: ['0.25', '0.30', '0.50', '0.03', '1.25'] }],
  },
  {
    id: 'claude-2.1',
    name: 'Claude 2.1',
    released: '2023-11-21',
    retired: '2025-07-21',
    window: 200 * K,
    outputMax: 4_096,
    batch: false,
    spans: [{ usd: claude2 }],
  },
  {
    id: 'claude-2.0',
    name: 'Claude 2.0',
    released: '2023-07-11',
    retired: '2025-07-21',
    window: 100 * K,
    outputMax: 4_096,
    batch: false,
    spans: [{ usd: claude2 }],
  },
];
