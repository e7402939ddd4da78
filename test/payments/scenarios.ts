import { afterAll, beforeAll, describe } from 'vitest';
import { between } from './between.ts';
import { moneyBack } from './money-back.ts';
import { onThePage } from './on-the-page.ts';
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
    between(its);
  });
}
