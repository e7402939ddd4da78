import { afterAll, beforeAll, expect, it } from 'vitest';
import { purchase, type SimForTests, simForTests } from '#sims/stripe-sim/sim-for-tests';
import { simulatedHands, type TypedCard } from './hands.ts';
import { personHands } from './person-hands.ts';

let on: SimForTests;
beforeAll(async () => {
  on = await simForTests();
});
afterAll(() => on.sim.close());

/** Somebody who does what they are told, on the simulator's pages. */
async function pageWithSomebody() {
  const customer = await on.stripe.customers.create({ email: 'somebody@example.com' });
  const session = await on.stripe.checkout.sessions.create(purchase(customer.id));
  const told: string[] = [];
  const somebody = simulatedHands(on.sim.url);
  return {
    told,
    enter: (card: TypedCard) =>
      personHands({
        ...{ stripe: on.stripe, pollMs: 20, patienceMs: 30_000 },
        tell(text) {
          told.push(text);
          void somebody.enter(session.url ?? '', card);
        },
      }).enter(session.url ?? '', card),
  };
}

it('a person is told the page, the card and what to answer the bank', async () => {
  const { told, enter } = await pageWithSomebody();
  expect(await enter({ number: '4000002760003184', bank: 'refuse' })).toBe('declined');
  expect(told[0]).toMatch(/^Open http/);
  expect(told[0]).toContain('4000002760003184');
  expect(told[0]).toContain('refuse');
});

it('what they did is read from the processor, one refusal told from the next', async () => {
  const { enter } = await pageWithSomebody();
  expect(await enter({ number: '4000000000000002' })).toBe('declined');
  expect(await enter({ number: '4000000000000002' })).toBe('declined');
  expect(await enter({ number: '4000000000009995' })).toBe('declined');
  expect(await enter({ number: '4000002760003184', bank: 'leave' })).toBe('verifying');
});

it('a payment that went through is complete', async () => {
  const { enter } = await pageWithSomebody();
  expect(await enter({ number: '4242424242424242' })).toBe('complete');
});
