import { expect, test } from 'vitest';
import { loadBookOrFail, termsOf } from '../../conformance/engine.ts';
import { loadBook, loadCases } from '../../conformance/oracle.mjs';
import { requestOf } from '../../conformance/request.ts';
import { boundHold } from './bound.ts';
import { rate } from './rate.ts';

const book = loadBookOrFail(loadBook());

test.each(['as asked', 'as used'] as const)(
  'no row of the corpus is charged more than its request, with max_tokens %s, would hold',
  (maxTokens) => {
    let held = 0;
    for (const row of loadCases().filter(({ expect }) => expect.outcome === 'charged')) {
      const made = requestOf(book, row, maxTokens);
      if (made === undefined) continue;
      const [at, terms] = [new Date(row.admitted_at), termsOf(row.discounts)];
      const bytes = Buffer.byteLength(JSON.stringify(made.body));
      const bound = boundHold(book, made.body, bytes, at, terms);
      const rated = rate(book, made.usage, at, terms);
      if (bound.outcome !== 'bounded' || rated.outcome !== 'rated') continue;
      held += 1;
      expect(rated.amount <= bound.amount, `${row.id} is charged more than it holds`).toBe(true);
    }
    // The others lead back to no Messages request, or to one that is refused.
    expect(held).toBeGreaterThan(230);
  },
);
