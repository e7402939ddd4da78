import { writeFileSync } from 'node:fs';
import { moneyStories, storyFiles } from './page.ts';

writeFileSync(new URL('../../docs/money-stories.md', import.meta.url), moneyStories(storyFiles()));
