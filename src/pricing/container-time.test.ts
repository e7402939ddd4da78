import { describe, expect, test } from 'vitest';
import { bundledBook } from './bundled-book.ts';
import { type ContainerUse, containerTime } from './container-time.ts';

const { fees } = bundledBook();
const FREE_SECONDS = 1_550 * 3_600;
const use = (more: Partial<ContainerUse>): ContainerUse => ({
  tools: [{ type: 'code_execution_20250825', name: 'code_execution' }],
  executionsMs: [],
  filesPreloaded: false,
  freeSecondsUsed: FREE_SECONDS,
  ...more,
});
const charged = (more: Partial<ContainerUse>) => containerTime(use(more), fees).chargedSeconds;

describe('time that is charged', () => {
  test.each<[string, number[], number]>([
    ['nothing executed', [], 0],
    ['an instant is five minutes', [0], 300],
    ['just under five minutes', [299_999], 300],
    ['five minutes', [300_000], 300],
    ['a second begun is a second', [300_001], 301],
    ['an hour', [3_600_000], 3_600],
    ['each execution has a minimum of its own', [1_000, 2_000, 400_000], 1_000],
  ])('%s', (_name, executionsMs, seconds) => {
    expect(charged({ executionsMs })).toBe(seconds);
  });

  test('files loaded beforehand start a container, whether or not the tool is called', () => {
    expect(charged({ filesPreloaded: true })).toBe(300);
    expect(charged({ filesPreloaded: true, executionsMs: [600_000] })).toBe(600);
  });
});

describe('the free hours of the month', () => {
  const hour = { executionsMs: [3_600_000] };

  test('come first', () => {
    expect(containerTime(use({ ...hour, freeSecondsUsed: 0 }), fees)).toEqual({
      seconds: 3_600,
      freeSeconds: 3_600,
      chargedSeconds: 0,
    });
  });

  test('cover a part of what runs past their end', () => {
    expect(containerTime(use({ ...hour, freeSecondsUsed: FREE_SECONDS - 600 }), fees)).toEqual({
      seconds: 3_600,
      freeSeconds: 600,
      chargedSeconds: 3_000,
    });
  });

  test('are used up by no more than there is', () => {
    expect(charged({ ...hour, freeSecondsUsed: FREE_SECONDS + 5_000 })).toBe(3_600);
  });
});

describe('searching and fetching make containers free', () => {
  const hour = { executionsMs: [3_600_000], filesPreloaded: true };
  const withTool = (type: unknown) => charged({ ...hour, tools: [...use({}).tools, { type }] });

  test.each([
    'web_search_20260209',
    'web_fetch_20260209',
    'web_search_20260318',
    'web_fetch_20270101',
  ])('%s', (type) => {
    expect(withTool(type)).toBe(0);
  });

  test.each([
    'web_search_20250305',
    'web_fetch_20260208',
    'my_web_search_20260209',
    'web_search_20260209_mine',
    'web_search',
    5,
    undefined,
  ])('not %s', (type) => {
    expect(withTool(type)).toBe(3_600);
  });

  test('and use none of the free hours', () => {
    const tools = [{ type: 'web_search_20260209' }];
    expect(containerTime(use({ ...hour, tools, freeSecondsUsed: 0 }), fees)).toEqual({
      seconds: 0,
      freeSeconds: 0,
      chargedSeconds: 0,
    });
  });
});
