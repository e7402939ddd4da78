import { expect, test } from 'vitest';
import { fold, ok } from '#test/wire-answers';
import { type MeasuredTime, withTime } from './measured-time.ts';

const { usage } = fold({ ...ok, server_tool_use: { web_search_requests: 1 } });
const timed = (measured: Partial<MeasuredTime>) => {
  if (usage === null) throw new Error('no usage');
  return withTime(usage, { codeExecutionSeconds: 0, sessionMilliseconds: 0, ...measured });
};
const MONTH_SECONDS = 31 * 24 * 3_600;

test.each<[string, Partial<MeasuredTime>]>([
  ['none', {}],
  ['of containers', { codeExecutionSeconds: 301 }],
  ['of a session, to the millisecond', { sessionMilliseconds: 3_600_001 }],
  [
    'a month of both',
    { codeExecutionSeconds: MONTH_SECONDS, sessionMilliseconds: MONTH_SECONDS * 1_000 },
  ],
])('time that was measured is added to what the answer reported: %s', (_name, measured) => {
  expect(timed(measured)).toEqual({ outcome: 'timed', usage: { ...usage, ...measured } });
});

test.each<[string, Partial<MeasuredTime>]>([
  ['F31: negative', { codeExecutionSeconds: -1 }],
  ['F31: a fraction', { sessionMilliseconds: 0.5 }],
  ['F31: not a number', { codeExecutionSeconds: Number.NaN }],
  ['F31: negative session', { sessionMilliseconds: -1 }],
  ['F34: containers for more than a month', { codeExecutionSeconds: MONTH_SECONDS + 1 }],
  ['F34: a session of more than a month', { sessionMilliseconds: MONTH_SECONDS * 1_000 + 1 }],
])('S12: time that cannot be believed is not charged: %s', (_name, measured) => {
  expect(timed(measured)).toMatchObject({ outcome: 'implausible' });
});
