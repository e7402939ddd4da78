import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { systemEntropy } from '#src/system';
import { EVENT_TYPES, SUBSCRIBABLE } from './catalogue.ts';
import { RETRY_DELAYS_SECONDS } from './schedule.ts';
import { newSecretKey, secretText } from './secret.ts';
import { signed } from './signature.ts';

const page = readFileSync(new URL('../../docs/outgoing-webhooks.md', import.meta.url), 'utf8');
const AT = '2027-01-15T12:00:00.000Z';

/** What follows the last heading of the page: one part for each type. */
const catalogue = Object.entries(EVENT_TYPES)
  .map(([type, { when, data }]) => {
    const example = JSON.stringify({ type, timestamp: AT, data }, null, 2);
    return `### ${type}\n\n${when}\n\n\`\`\`json\n${example}\n\`\`\`\n`;
  })
  .join('\n');

test('the page lists every type there is, with an example', () => {
  const listed = page.slice(page.indexOf('## Every event\n') + '## Every event\n\n'.length);
  expect(listed).toBe(catalogue);
});

test('types are named as Standard Webhooks recommends, and amounts are text', () => {
  for (const [type, { data }] of Object.entries(EVENT_TYPES)) {
    expect(type).toMatch(/^[a-z_]+(\.[a-z_]+)+$/);
    for (const [field, value] of Object.entries(data)) {
      if (field.endsWith('_usd')) expect(value).toMatch(/^\d+(\.\d{1,9})?$/);
    }
  }
  expect(SUBSCRIBABLE).not.toContain('webhook.test');
});

test('the table of retries is the one that is followed', () => {
  const words = (seconds: number): string => {
    if (seconds < 60) return `${seconds} seconds`;
    return seconds < 3_600 ? `${seconds / 60} minutes` : `${seconds / 3_600} hours`;
  };
  const rows = RETRY_DELAYS_SECONDS.map((delay, at) => `| ${at + 2} | ${words(delay)} |`);
  expect(page).toContain(rows.join('\n'));
});

test('the code that readers copy accepts what we send, and nothing else', async () => {
  const code = /<!-- run: verification -->\n```js\n([\s\S]+?)```/.exec(page)?.[1] ?? '';
  const module: unknown = await import(`data:text/javascript,${encodeURIComponent(code)}`);
  const { isGenuine } = z
    .object({ isGenuine: z.custom<(...asked: readonly unknown[]) => boolean>() })
    .parse(module);
  const [key, old] = [newSecretKey(systemEntropy), newSecretKey(systemEntropy)];
  const at = new Date(AT);
  const body = '{"type":"credits.low","note":"ä"}';
  const headers = signed([key, old], { id: 'evt_1', at, body });
  for (const one of [key, old]) {
    expect(isGenuine(secretText(one), headers, body, at.getTime())).toBe(true);
  }
  const secret = secretText(key);
  expect(isGenuine(secretText(newSecretKey(systemEntropy)), headers, body, at.getTime())).toBe(
    false,
  );
  expect(isGenuine(secret, headers, `${body} `, at.getTime())).toBe(false);
  expect(isGenuine(secret, { ...headers, 'webhook-id': 'evt_2' }, body, at.getTime())).toBe(false);
  expect(isGenuine(secret, headers, body, at.getTime() + 301_000)).toBe(false);
  expect(isGenuine(secret, {}, body, at.getTime())).toBe(false);
});
