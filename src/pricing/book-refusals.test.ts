import { describe, expect, test } from 'vitest';
import { loadPriceBook } from './book-data.ts';
import { parseBookFile } from './book-file.ts';

/** A book with one row; what a test plants replaces or adds lines. */
const good = {
  version: 'version: test',
  unit: 'unit: usd',
  fees: 'fees: {}',
  models: 'models:',
  model: '  - model: claude-opus-5',
  from: '    from: 2026-07-24',
  until: '    until: null',
  window: '    context_window: 1000000',
  limit: '    output_tokens_max: 128000',
  input: '    input: 5',
  output: '    output: 25',
};
type Lines = Partial<Record<keyof typeof good, string | null>>;

const fileOf = (planted: Lines): string =>
  Object.entries({ ...good, ...planted })
    .flatMap(([, line]) => (line === null ? [] : [line]))
    .join('\n');

function problemsOf(text: string, name = 'book.yaml'): string[] {
  const loaded = parseBookFile(name, text);
  return loaded.outcome === 'invalid' ? loaded.problems : [];
}

test('the book that the wrong ones are made from is right', () => {
  expect(problemsOf(fileOf({}))).toEqual([]);
});

const second = (lines: string): string =>
  `    output: 25\n  - {context_window: 9, output_tokens_max: 9, input: 1, output: 2, ${lines}}`;
const bands = (...thresholds: string[]): string =>
  `    bands:\n${thresholds.map((band) => `      - {${band}, input: 5, output: 25}`).join('\n')}`;

/** What was planted, and the whole message: place, reason and fix. */
const planted: [string, Lines, string][] = [
  [
    'a model without a price',
    { input: null, output: null },
    'line 5, models[0] (claude-opus-5): the model has no price; give input and output, or upstream and markup, or free: true',
  ],
  [
    'a model with half a price',
    { output: null },
    'line 5, models[0].output (claude-opus-5): is missing: what has no price is not sold',
  ],
  [
    'a price of zero by mistake',
    { input: '    input: 0' },
    'line 10, models[0].input (claude-opus-5): is 0; write free: true, or free: [input], beside the prices if that is meant',
  ],
  [
    'a fee of zero by mistake',
    { fees: 'fees: {web_search: 0.00}' },
    'line 3, fees.web_search: is 0; write free: [web_search] in fees if that is meant',
  ],
  [
    'a model that is free and has a price',
    { output: '    output: 25\n    free: true' },
    'line 12, models[0].free (claude-opus-5): says input costs nothing, and its price is 5',
  ],
  [
    'a negative price',
    { input: '    input: -5' },
    'line 10, models[0].input (claude-opus-5): "-5" is negative; a price is what the customer pays',
  ],
  [
    'an exponent',
    { input: '    input: 5e0' },
    'line 10, models[0].input (claude-opus-5): "5e0" is not an amount; write digits such as 2.50',
  ],
  [
    'a decimal comma',
    { input: '    input: "5,00"' },
    'line 10, models[0].input (claude-opus-5): "5,00" is not an amount; write digits such as 2.50',
  ],
  [
    'ten decimals',
    { input: '    input: 5.0000000001' },
    'line 10, models[0].input (claude-opus-5): "5.0000000001" has more than nine decimals',
  ],
  [
    'an amount beyond 64 bits',
    { output: '    output: 9223372036854775808' },
    'line 11, models[0].output (claude-opus-5): "9223372036854775808" is more than an amount may be: 999999999.999999999 USD',
  ],
  [
    'dollars in a file of nano-USD',
    { unit: null },
    'line 9, models[0].input (claude-opus-5): 5 nano-USD is next to nothing; write unit: usd at the top if dollars are meant, unit: nano_usd if not',
  ],
  [
    'decimals in a file of nano-USD',
    { unit: 'unit: nano_usd', input: '    input: 2.50' },
    'line 10, models[0].input (claude-opus-5): "2.50" is not whole nano-USD; for dollars write unit: usd at the top',
  ],
  [
    'a unit nobody knows',
    { unit: 'unit: cents' },
    'line 2, unit: usd (decimal dollars) or nano_usd (whole billionths) is expected',
  ],
  [
    'overlapping dates',
    { output: second('model: claude-opus-5, from: 2026-09-01') },
    'line 12, models[1].from (claude-opus-5): the span from 2026-09-01T00:00:00.000Z overlaps an earlier one, which has no end; set its until to 2026-09-01T00:00:00.000Z; see line 5, models[0]',
  ],
  [
    'overlapping dates behind a span that is right',
    {
      until: '    until: 2026-09-01',
      output: [
        second('model: claude-opus-5, from: 2026-11-01'),
        '  - {context_window: 9, output_tokens_max: 9, input: 1, output: 2, model: claude-opus-5, from: 2026-09-01, until: 2026-12-01}',
      ].join('\n'),
    },
    'line 12, models[1].from (claude-opus-5): the span from 2026-11-01T00:00:00.000Z overlaps an earlier one, which has its end at 2026-12-01T00:00:00.000Z; set its until to 2026-11-01T00:00:00.000Z; see line 13, models[2]',
  ],
  [
    'an alias that is another model',
    { output: second('model: other, aliases: [claude-opus-5], from: 2026-09-01') },
    'line 12, models[1].aliases (other): the name claude-opus-5 means claude-opus-5 and other at the same time, from 2026-09-01T00:00:00.000Z; see line 5, models[0]',
  ],
  [
    'an alias that is the model itself',
    { model: '  - model: claude-opus-5\n    aliases: [claude-opus-5]' },
    'line 6, models[0].aliases[0] (claude-opus-5): "claude-opus-5" is named twice in this row',
  ],
  [
    'bands that do not begin at 0',
    { input: bands('prompt_tokens_above: 1'), output: null },
    'line 11, models[0].bands[0].prompt_tokens_above (claude-opus-5): prompts of up to 1 tokens have no price; the first band is above 0',
  ],
  [
    'a gap between bands',
    {
      input: bands(
        'prompt_tokens_above: 0, prompt_tokens_up_to: 100000',
        'prompt_tokens_above: 200000',
      ),
      output: null,
    },
    'line 12, models[0].bands[1].prompt_tokens_above (claude-opus-5): 200000 does not follow 100000, where the band before ends: a gap; see line 11, models[0].bands[0].prompt_tokens_up_to',
  ],
  [
    'bands that overlap',
    {
      input: bands(
        'prompt_tokens_above: 0, prompt_tokens_up_to: 300000',
        'prompt_tokens_above: 200000',
      ),
      output: null,
    },
    'line 12, models[0].bands[1].prompt_tokens_above (claude-opus-5): 200000 does not follow 300000, where the band before ends: an overlap; see line 11, models[0].bands[0].prompt_tokens_up_to',
  ],
  [
    'a last band that ends',
    { input: bands('prompt_tokens_above: 0, prompt_tokens_up_to: 300000'), output: null },
    'line 11, models[0].bands[0].prompt_tokens_up_to (claude-opus-5): nothing is priced above 300000: a gap; leave the last end out',
  ],
  [
    'bands in disorder',
    { input: bands('prompt_tokens_above: 0', 'prompt_tokens_above: 0'), output: null },
    'line 12, models[0].bands[1].prompt_tokens_above (claude-opus-5): 0 is not above the 0 of the band before; bands ascend',
  ],
  [
    'a band with a price below the one of the band before',
    {
      input:
        '    bands:\n      - {prompt_tokens_above: 0, input: 5, output: 25}\n      - {prompt_tokens_above: 200000, input: 6, output: 24}',
      output: null,
    },
    'line 12, models[0].bands[1].output (claude-opus-5): 24 above 200000 prompt tokens is below the 25 of the band before: a longer prompt would cost less in all; give at least 25',
  ],
  [
    'prices both in the row and in bands',
    { output: bands('prompt_tokens_above: 0') },
    'line 10, models[0].input (claude-opus-5): prices stand either here or in bands, not in both',
  ],
  [
    'input and output swapped',
    { input: '    input: 25', output: '    output: 5' },
    'line 10, models[0].input (claude-opus-5): input (25) is above output (5): swapped columns?',
  ],
  [
    'cache reads dearer than input',
    { output: '    output: 25\n    cache_read: 6.25' },
    'line 12, models[0].cache_read (claude-opus-5): cache_read (6.25) is above input (5): swapped columns?',
  ],
  [
    'the two cache writes swapped',
    { output: '    output: 25\n    cache_write_5m: 10\n    cache_write_1h: 6.25' },
    'line 12, models[0].cache_write_5m (claude-opus-5): cache_write_5m (10) is above cache_write_1h (6.25): swapped columns?',
  ],
  [
    'a cache rate that cannot be derived exactly',
    { unit: 'unit: nano_usd', input: '    input: 5000000001', output: '    output: 25000000000' },
    "line 5, models[0].cache_write_5m (claude-opus-5): input's 5.000000001 USD × 5/4 is not whole nano-USD; give it",
  ],
  [
    'a surcharge that is a discount',
    { until: '    fast: "0.5"' },
    'line 7, models[0].fast (claude-opus-5): multiplies the price, such as "1.1": at least 1',
  ],
  [
    'a batch discount that is a surcharge',
    { until: '    batch: "2"' },
    'line 7, models[0].batch (claude-opus-5): is what is paid of the price, such as "0.5": at most 1',
  ],
  [
    'a surcharge with its decimal point lost',
    { until: '    region: 110' },
    'line 7, models[0].region (claude-opus-5): is more than 100; is the decimal point in its place?',
  ],
  [
    'a factor of nothing',
    { until: '    batch: 0' },
    'line 7, models[0].batch (claude-opus-5): a factor such as "1.1" or "11/10" is expected, "0" found',
  ],
  [
    'a surcharge on something that has no tokens',
    { until: '    region: {factor: "1.1", applies_to: [web_search]}' },
    'line 7, models[0].region.applies_to (claude-opus-5): a list out of input, cache_write_5m, cache_write_1h, cache_read, output, each once, is expected',
  ],
  [
    'a markup below cost',
    { input: '    upstream: {input: 4, output: 20}', output: '    markup: "0.9"' },
    'line 11, models[0].markup (claude-opus-5): multiplies the price, such as "1.1": at least 1',
  ],
  [
    'a markup of nothing',
    { until: '    markup: "1.2"' },
    'line 7, models[0].markup (claude-opus-5): multiplies what the upstream costs; give upstream',
  ],
  [
    'a markup that does not come out even',
    { input: '    upstream: {input: 4, output: 20.000000001}', output: '    markup: "1.2"' },
    "line 5, models[0].output (claude-opus-5): the upstream's 20.000000001 USD × 6/5 is not whole nano-USD; give it",
  ],
  [
    'a markup of an upstream that is free, which would be free by mistake',
    { input: '    upstream: {free: true}', output: '    markup: "1.2"' },
    'line 5, models[0].input (claude-opus-5): is 0, as the upstream costs nothing; give it, or free: true',
  ],
  [
    'a markup that would miss a band of the upstream',
    {
      until:
        '    markup: 2\n    upstream: {bands: [{prompt_tokens_above: 0, input: 1, output: 2}, {prompt_tokens_above: 9, input: 2, output: 4}]}',
      output: null,
    },
    'line 8, models[0].upstream (claude-opus-5): the upstream has a price above 9 prompt tokens, the row has none; add that band, or leave all prices to the markup',
  ],
  [
    'rates for no way of serving',
    { until: '    explicit: [{input: 10, output: 50}]' },
    'line 7, models[0].explicit[0] (claude-opus-5): names no way of serving; give speed: fast, region: us or tier: batch',
  ],
  [
    'rates for a way of serving nobody knows',
    { until: '    explicit: [{speed: turbo, input: 10, output: 50}]' },
    'line 7, models[0].explicit[0].speed (claude-opus-5): fast is the one that can be named, "turbo" found',
  ],
  [
    'rates given twice for one way of serving',
    {
      until:
        '    explicit:\n      - {speed: fast, input: 10, output: 50}\n      - {speed: fast, input: 20, output: 90}',
    },
    'line 9, models[0].explicit[1] (claude-opus-5): is given twice; see line 8, models[0].explicit[0]',
  ],
  [
    'rates that fit one request equally well',
    {
      until:
        '    explicit:\n      - {speed: fast, input: 10, output: 50}\n      - {region: us, input: 6, output: 30}',
    },
    'line 9, models[0].explicit[1] (claude-opus-5): fits a request as well as another entry does; add rates that name the settings of both; see line 8, models[0].explicit[0]',
  ],
  [
    'a time that is not UTC',
    { from: '    from: 2026-07-24T02:00:00+02:00' },
    'line 6, models[0].from (claude-opus-5): "2026-07-24T02:00:00+02:00" is not a time in UTC; write a day or an instant in UTC, such as 2026-11-21 or 2026-11-21T09:30:00Z',
  ],
  [
    'a day there is not',
    { from: '    from: 2026-02-30' },
    'line 6, models[0].from (claude-opus-5): "2026-02-30" is not a time in UTC; write a day or an instant in UTC, such as 2026-11-21 or 2026-11-21T09:30:00Z',
  ],
  [
    'a day as a spreadsheet writes it',
    { from: '    from: 7/24/2026' },
    'line 6, models[0].from (claude-opus-5): "7/24/2026" is not a time in UTC; write a day or an instant in UTC, such as 2026-11-21 or 2026-11-21T09:30:00Z',
  ],
  [
    'an end before the beginning',
    { until: '    until: 2026-07-24' },
    'line 7, models[0].until (claude-opus-5): must be after from (2026-07-24T00:00:00.000Z); it is exclusive',
  ],
  [
    'a misspelt field',
    { output: '    output: 25\n    cacheRead: 0.5' },
    'line 12, models[0].cacheRead (claude-opus-5): there is no such field; did you mean cache_read?',
  ],
  [
    'a field nobody knows',
    { until: '    quality: best' },
    'line 7, models[0].quality (claude-opus-5): there is no such field; remove it',
  ],
  [
    'a field twice',
    { output: '    output: 25\n    input: 4' },
    'line 12: input stands here twice, first in line 10',
  ],
  [
    'no window',
    { window: null },
    'line 5, models[0].context_window (claude-opus-5): a whole number from 1 to 1000000000 is expected, nothing found',
  ],
  [
    'a window in thousands',
    { window: '    context_window: 1000K' },
    'line 8, models[0].context_window (claude-opus-5): a whole number from 1 to 1000000000 is expected, "1000K" found',
  ],
  ['no version', { version: null }, 'version: is missing; every book has its own'],
  [
    'a name with a blank in it',
    { model: '  - model: claude opus' },
    'line 5, models[0].model (claude opus): "claude opus" is not a name of letters, digits and . _ : @ / + -',
  ],
  [
    'a name that a spreadsheet would calculate',
    { until: '    display_name: =1+1' },
    'line 7, models[0].display_name (claude-opus-5): "=1+1" is not a name of 1 to 200 printable characters',
  ],
  [
    'a price that stands elsewhere',
    { input: '    input: &price 5', output: '    output: *price' },
    'line 11: aliases are not read; write the value where it applies',
  ],
];

describe('a wrong book is refused, with the line, the field and what to do', () => {
  test.each(planted)('%s', (_what, lines, message) => {
    expect(problemsOf(fileOf(lines))).toContain(message);
  });

  test('all problems are named at once, in the order of the file', () => {
    const text = fileOf({
      fees: 'fees: {web_search: 0}',
      model: '  - model: claude opus',
      from: '    from: soon',
      input: '    input: 0',
      output: '    output: -1',
    });
    const lines = problemsOf(text).map((problem) => problem.split(',')[0]);
    expect(lines).toEqual(['line 3', 'line 5', 'line 6', 'line 10', 'line 11']);
  });

  test('of ten thousand problems, the first thousand are named and the rest counted', () => {
    const problems = problemsOf(`version: a\nmodels: [${'1,'.repeat(10_000)}]`);
    expect(problems).toHaveLength(1_001);
    expect(problems).toContain('and 9000 more problems');
  });
});

describe('what is not a book at all is refused', () => {
  test.each([
    ['', 'book: a mapping of fields is expected, nothing found'],
    ['[]', 'book: a mapping of fields is expected, a list found'],
    ['version: a', 'models: a list of at least one entry is expected, nothing found'],
    [
      'version: a\nmodels: []',
      'line 2, models: a list of at least one entry is expected, a list found',
    ],
    ['version: a\nmodels: [', 'line 2: this is not readable YAML'],
    ['version: a\n---\nversion: b', 'line 2: this is not readable YAML'],
    ['version: !!float 1', 'line 1: this is not readable YAML'],
    [
      `a: ${'['.repeat(40)}${']'.repeat(40)}`,
      'line 1: nothing in a price book lies deeper than 12',
    ],
  ])('%j', (text, message) => {
    expect(problemsOf(text).join('\n')).toContain(message);
  });

  test('a binary fraction in data, which is no exact price', () => {
    const row = { model: 'm', from: '2026-01-01', context_window: 9, output_tokens_max: 9 };
    const data = { version: 'a', unit: 'usd', models: [{ ...row, input: 0.1, output: 1 }] };
    const loaded = loadPriceBook(data);
    expect(loaded.outcome === 'invalid' && loaded.problems).toEqual([
      'models[0].input (m): 0.1 is a binary fraction, which does not hold money exactly; write it in quotes',
    ]);
  });
});
