import type { Anomaly, WatchResponse } from '#console-api/watch/contract';
import { floorText, isZero } from '../../ui/money-text.ts';

const within = (minutes: number) => (minutes === 60 ? 'an hour' : `${minutes} minutes`);

/** The evidence, in one sentence. */
export function evidence(anomaly: Anomaly): string {
  const { spent_usd: spent, usual_usd: usual, window_minutes: minutes } = anomaly;
  const before = isZero(usual)
    ? 'It had spent nothing like it before.'
    : `The most before was ${floorText(usual)}.`;
  return `${floorText(spent)} in ${within(minutes)}. ${before}`;
}

const who = ({ level, subject }: Anomaly): string =>
  level === 'api_key' ? `The API key “${subject}”` : subject;

/** What is going on, for a headline. */
export const headline = (anomaly: Anomaly): string =>
  anomaly.paused_at === null
    ? `${who(anomaly)} spends unusually fast`
    : `${who(anomaly)} is paused: it spent unusually fast`;

/** What became of it. */
export function outcome({ state, paused_at: paused, ended_by: by }: Anomaly): string {
  switch (state) {
    case 'open':
      return paused === null ? 'Still unusual' : 'Paused';
    case 'acknowledged':
      return `Expected, says ${by ?? 'somebody'}`;
    case 'resumed':
      return `Resumed by ${by ?? 'somebody'}`;
    case 'passed':
      return paused === null ? 'Usual again' : 'Key has ended';
  }
}

/** What is done about it, in the words of the form and of a sentence. */
export const WATCH_WORDS: Readonly<
  Record<WatchResponse['action'], { choice: string; sentence: string }>
> = {
  alert: {
    choice: 'Tell us, and keep serving',
    sentence:
      'When a key or the whole organization spends far faster than it ever did, you are told. ' +
      'Nothing is stopped.',
  },
  pause: {
    choice: 'Pause the key, and tell us',
    sentence:
      'When a key spends far faster than it ever did, it is paused within seconds and you are ' +
      'told. Requests that are running are finished and charged. One click resumes it.',
  },
  off: {
    choice: 'Do nothing',
    sentence: 'Nobody is told of unusual spending, and no key is paused for it.',
  },
};
