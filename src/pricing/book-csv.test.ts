import { describe, expect, test } from 'vitest';
import { bookData } from './book-data.ts';
import { parseBookFile } from './book-file.ts';

const head =
  'model,from,rates,prompt_tokens_above,input,cache_read,output,context_window,output_tokens_max,region,free';

function parsed(...lines: string[]) {
  return parseBookFile('Book.CSV', ['version,a', 'unit,usd', '', head, ...lines].join('\r\n'));
}

function dataOf(...lines: string[]) {
  const loaded = parsed(...lines);
  if (loaded.outcome === 'loaded') return bookData(loaded.book);
  throw new Error(loaded.problems.join('\n'));
}

const problemsOf = (...lines: string[]): string[] => {
  const loaded = parsed(...lines);
  return loaded.outcome === 'invalid' ? loaded.problems : [];
};

describe('a price book as a table', () => {
  test('one line is one row', () => {
    const [row] = dataOf('m,2026-01-01,,,5,,25,1000,100,1.1,').models;
    expect(row).toMatchObject({ model: 'm', context_window: 1_000, region: { factor: '11/10' } });
    expect(row?.bands[0]).toMatchObject({ input: '5000000000', cache_read: '500000000' });
  });

  test('lines of one model and time are bands of one row, however they were sorted', () => {
    const lines = [
      'm,2026-01-01,,100000,10,,50,,,,',
      'n,2026-01-01,,,1,,2,1000,100,,',
      'm,2026-01-01,us,0,6,,30,,,,',
      'm,2026-01-01,,0,5,,25,1000,100,,',
      'm,2026-01-01,upstream,0,4,,20,,,,',
    ];
    const { models } = dataOf(...lines);
    expect(models.map(({ model }) => model)).toEqual(['m', 'n']);
    expect(models[0]?.bands.map(({ input }) => input)).toEqual(['5000000000', '10000000000']);
    expect(models[0]?.explicit).toMatchObject([{ region: 'us', bands: [{ input: '6000000000' }] }]);
    expect(models[0]?.upstream?.bands).toMatchObject([{ input: '4000000000' }]);
  });

  test('free models need no prices', () => {
    const [row] = dataOf('m,2026-01-01,,,,,,1000,100,,true').models;
    expect(row).toMatchObject({ free: true, bands: [{ input: '0' }] });
  });

  test('quoted cells, blanks and a byte order mark are what spreadsheets make of them', () => {
    const text = `\uFEFFversion , "a ""b"", c"\nunit,usd,,\n${head}\n"m" ,2026-01-01,,,5,,25,9,9,,\n,,,,\n`;
    const loaded = parseBookFile('b.csv', text);
    expect(loaded).toMatchObject({ outcome: 'loaded', book: { version: 'a "b", c' } });
  });
});

describe('a wrong table is refused with its line', () => {
  const right = 'm,2026-01-01,,,5,,25,1000,100,,';

  test.each([
    [
      'a price of zero',
      ['m,2026-01-01,,,0,,25,9,9,,'],
      'line 5, models[0].bands[0].input (m): is 0',
    ],
    ['no price', ['m,2026-01-01,,,,,,9,9,,'], 'line 5, models[0] (m): the model has no price'],
    [
      'a day as a spreadsheet writes it',
      ['m,1/1/2026,,,5,,25,9,9,,'],
      'line 5, models[0].from (m): "1/1/2026" is not a time in UTC',
    ],
    [
      'two words about one thing',
      [right, 'm,2026-01-01,,9,6,,30,2000,,,'],
      'line 6: context_window says other than in line 5 of the same row',
    ],
    [
      'overlapping dates',
      [right, 'm,2026-02-01,,,5,,25,1000,100,,'],
      'line 6, models[1].from (m): the span from 2026-02-01T00:00:00.000Z overlaps an earlier one',
    ],
    [
      'the same band twice',
      [right, right],
      'line 6, models[0].bands[1].prompt_tokens_above (m): 0 is not above the 0 of the band before',
    ],
    ['rates of nothing known', ['m,2026-01-01,turbo,,5,,25,9,9,,'], 'line 5: rates says turbo'],
    ['a line that is too long', [`${right},,7`], 'line 5: has more cells than columns'],
    ['a quote that is not closed', [`${right}"`], 'line 5: a quote is not closed'],
  ])('%s', (_what, lines, message) => {
    expect(problemsOf(...lines).join('\n')).toContain(message);
  });

  test.each([
    ['model,from,Input\n', 'line 1: there is no column Input; did you mean input?'],
    ['model,from,input,input\n', 'line 1: the column input is there twice'],
    ['version,a\nversion,b\nmodel,from\n', 'line 2: version stands here twice'],
    ['fees.web_search,0\nmodel,from\n', 'line 1, fees.web_search: is 0'],
    ['verzion,a\nmodel,from\n', 'line 1, verzion: there is no such field; did you mean version?'],
    ['version,a,b\nmodel,from\n', 'line 1: above the column names a line has a name and a value'],
    ['m,2026-01-01,5,25\n', 'line 1: no line of column names'],
    ['version,"a\n\nb"\nmodel,from,Input\n', 'line 4: there is no column Input'],
    ['model;from;input\nm;2026-01-01;5,00\n', 'line 1: cells are separated by commas here'],
    ['model;from;input\nm;2026-01-01;5\n', 'line 1: cells are separated by commas here'],
  ])('%j', (text, message) => {
    const loaded = parseBookFile('b.csv', text);
    expect(loaded.outcome === 'invalid' && loaded.problems.join('\n')).toContain(message);
  });
});
