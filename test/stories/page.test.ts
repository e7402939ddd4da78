import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { moneyStories, storyFiles } from './page.ts';

test('the published stories are those that are run', () => {
  const published = readFileSync(new URL('../../docs/money-stories.md', import.meta.url), 'utf8');
  expect(published).toBe(moneyStories(storyFiles()));
});
