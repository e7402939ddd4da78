import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadSdkParams } from '#sims/stripe-sim/sdk-params';
import { between } from './between.ts';
import { addressOf } from './line.ts';
import { moneyBack } from './money-back.ts';
import { onThePage } from './on-the-page.ts';
import { papersAndBooks } from './papers-and-books.ts';
import type { Setting } from './settings.ts';
import { withSavedCards } from './with-saved-cards.ts';
import { openWorld, type World } from './world.ts';

/** Every payment scenario, one after the other: an account has one limit for all of them. */
export function scenarios(setting: Setting): void {
  const { scenarioMs } = setting;
  describe(`payments ${setting.name}`, { timeout: scenarioMs }, () => {
    let world: World | undefined;
    beforeAll(async () => {
      world = await openWorld(setting);
    }, scenarioMs);
    afterAll(() => world?.close(), scenarioMs);
    const its = () => {
      if (world === undefined) throw new Error('there is no processor to play at');
      return world;
    };
    onThePage(its);
    withSavedCards(its);
    moneyBack(its);
    papersAndBooks(its);
    between(its);
    // Last: it looks back on all of them.
    it('no request, of the shop or of these scenarios, has what the SDK does not declare', () => {
      const { line, theirLine } = its();
      const sdk = loadSdkParams();
      const asked = [...line.asked, ...theirLine.asked];
      const problems = asked.flatMap((each) => sdk.problems(addressOf(each), each.params));
      expect([...new Set(problems)]).toEqual([]);
      expect(new Set(asked.map(addressOf)).size).toBeGreaterThan(20);
    });
  });
}
