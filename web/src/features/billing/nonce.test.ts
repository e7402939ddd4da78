import { expect, it } from 'vitest';
import { drawNonce, nonceBook } from './nonce.ts';

it('pressing twice for the same amount is one purchase, another amount is another', () => {
  let drawn = 0;
  const nonceFor = nonceBook(() => `nonce-${drawn++}`);
  expect([nonceFor('25'), nonceFor('25'), nonceFor('100'), nonceFor('25')]).toEqual([
    'nonce-0',
    'nonce-0',
    'nonce-1',
    'nonce-0',
  ]);
});

it('the card kept or not is part of the wish: a change of mind is another purchase', () => {
  let drawn = 0;
  const nonceFor = nonceBook(() => `nonce-${drawn++}`);
  const wishes = [nonceFor('25', true), nonceFor('25', false), nonceFor('25', true)];
  expect(wishes).toEqual(['nonce-0', 'nonce-1', 'nonce-0']);
});

it('a nonce has the form the server accepts', () => {
  expect(drawNonce()).toMatch(/^[A-Za-z0-9_-]{32}$/);
});
