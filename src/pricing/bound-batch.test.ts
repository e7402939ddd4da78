import { describe, expect, test } from 'vitest';
import type { ModelPrice } from './book.ts';
import { boundHold } from './bound.ts';
import { bundledBook } from './bundled-book.ts';

const book = bundledBook();
const now = new Date('2026-11-21T00:00:00Z');
const BYTES = 9_000;
const UNSOLD = 'claude-haiku-4-5';

const ask = (more: object = {}) => ({
  model: 'claude-opus-5',
  max_tokens: 1_000,
  messages: [{ role: 'user', content: 'Hello' }],
  ...more,
});

describe('S18: an item of a batch', () => {
  test('is held at half of what the request would be', () => {
    const request = boundHold(book, ask(), BYTES, now);
    const item = boundHold(book, ask(), BYTES, now, [], 0, 'batch');
    if (request.outcome !== 'bounded' || item.outcome !== 'bounded') throw new Error('no bound');
    expect(item.amount * 2n).toBe(request.amount);
  });

  test('of a model that is not sold in batches is refused, as the asked one or another', () => {
    const priceOf = (model: string, at: Date): ModelPrice | undefined => {
      const price = book.priceOf(model, at);
      return price !== undefined && model === UNSOLD ? { ...price, batch: null } : price;
    };
    const partly = { ...book, priceOf };
    const advisor = { type: 'advisor_20260301', name: 'advisor', max_uses: 1, model: UNSOLD };
    for (const body of [
      ask({ model: UNSOLD }),
      ask({ fallbacks: [{ model: UNSOLD }] }),
      ask({ tools: [advisor] }),
    ]) {
      expect(boundHold(partly, body, BYTES, now, [], 0, 'batch')).toMatchObject({
        outcome: 'invalid_request',
        message: `model: ${UNSOLD} is not available in message batches`,
      });
      expect(boundHold(partly, body, BYTES, now).outcome).toBe('bounded');
    }
  });
});
