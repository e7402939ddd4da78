import { describe, expect, test } from 'vitest';
import type { SavedCard } from '#console-api/billing/contract';
import type { ReloadResponse } from '#console-api/reload/contract';
import { chargedCard, heldBack, switchedOffBy } from './reload-words.ts';

const at = '2026-11-21T12:00:00Z';

function answered(answer: string): ReloadResponse['evaluations'][number] {
  return {
    ...{ at, first_at: at, times: 1, answer, words: `It was ${answer}.` },
    ...{ counted_usd: '3', threshold_usd: '10', purchase_id: null, until: at },
  };
}

function reload(status: ReloadResponse['status'], ...answers: string[]): ReloadResponse {
  return {
    ...{
      enabled: true,
      status,
      checking: false,
      elsewhere: false,
      paused_reason: null,
      paused_words: null,
    },
    ...{ threshold_usd: '10', target_usd: '50', max_per_day: 3, max_usd_per_month: null },
    ...{ agreed: null, consent: { version: '1', text: 'I agree.' } },
    evaluations: answers.map(answered),
  };
}

describe('an auto-reload that is off', () => {
  const off = (...answers: string[]) => ({ ...reload('off', ...answers), enabled: false });

  test('says that a refund switched it off, also when it was asked since', () => {
    expect(switchedOffBy(off('off', 'refunded', 'started'))?.words).toBe('It was refunded.');
  });

  test('says nothing where a person switched it off, or it is on again', () => {
    expect(switchedOffBy(off('off', 'enough', 'refunded'))).toBeUndefined();
    expect(switchedOffBy(reload('on', 'refunded'))).toBeUndefined();
  });
});

describe('an auto-reload that is on and does not buy', () => {
  test.each([
    'declined_recently',
    'card_resting',
    'day_full',
    'month_full',
    'hour_full',
    'no_card',
    'address_needed',
    'address_refused',
    'region_not_sold',
    'payments_down',
    'month_full_with_tax',
  ])('says that it is held back: %s', (answer) => {
    expect(heldBack(reload('on', answer, 'started'))?.words).toBe(`It was ${answer}.`);
  });

  test.each(['started', 'enough', 'under_way', 'cooling_down'])(
    'says nothing of what passes by itself: %s',
    (answer) => {
      expect(heldBack(reload('on', answer, 'declined_recently'))).toBeUndefined();
    },
  );

  test('says it once: not while paused, reloading or off, and not before any answer', () => {
    for (const status of ['paused', 'reloading', 'off'] as const) {
      expect(heldBack(reload(status, 'declined_recently'))).toBeUndefined();
    }
    expect(heldBack(reload('on'))).toBeUndefined();
  });
});

test('the card that is charged is the default, unless its holder must be present', () => {
  const card: SavedCard = {
    ...{ id: 'pm_1', brand: 'visa', last4: '4242', exp_month: 12, exp_year: 2034 },
    ...{ country: 'US', funding: 'credit', is_default: true, expiry: 'good' },
    ...{ attended_only: null, rests_until: null },
  };
  const other: SavedCard = { ...card, id: 'pm_2', is_default: false };
  expect(chargedCard([other, card])).toBe(card);
  expect(chargedCard([other])).toBeNull();
  expect(chargedCard([{ ...card, attended_only: 'holder_must_be_present' }])).toBeNull();
});
