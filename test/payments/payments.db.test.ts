import { it } from 'vitest';
import { chosenAccount } from './account.ts';
import { scenarios } from './scenarios.ts';
import { real, simulated } from './settings.ts';

/** At the simulator, or with `REAL_STRIPE=1` at a real test account: docs/real-stripe.md. */
const account = chosenAccount(process.env);

if (account.kind === 'refused') {
  it('payments at a real test account', () => {
    throw new Error(account.message);
  });
} else {
  scenarios(account.kind === 'real' ? real(account) : simulated);
}
