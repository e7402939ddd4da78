import { cardByName } from './cards.ts';
import { escaped } from './page-html.ts';

/** What the drawer on the card pages offers; each is a test card, played with one click. */
const SCENARIOS: ReadonlyArray<[card: string, label: string]> = [
  ['visa', 'Pays'],
  ['mastercard_prepaid', 'Pays, prepaid card'],
  ['threeDSecure2Required', 'The bank asks first (3-D Secure)'],
  ['visa_chargeDeclinedInsufficientFunds', 'Declined: insufficient funds'],
  ['visa_chargeDeclined', 'Declined: no reason given'],
  ['sim_do_not_honor', 'Declined: frozen, or blocked for online use'],
  ['chargeDeclinedExpiredCard', 'Declined: expired'],
  ['chargeDeclinedIncorrectCvc', 'Declined: wrong security code'],
  ['sim_incorrect_zip', 'Declined: postal code does not match'],
  ['radarBlock', 'Blocked by risk rules, never sent to the bank'],
  ['sim_reversed_after_approval', 'Approved by the bank, then reversed'],
  ['chargeCustomerFail', 'Can be saved, every later charge fails'],
  ['createDispute', 'Pays, then charges back'],
  ['createIssuerFraudRecord', 'Pays, then an early fraud warning'],
];

export function drawer(): string {
  const buttons = SCENARIOS.map(
    ([card, label]) =>
      `<button type="submit" name="scenario" value="${card}" formnovalidate>${escaped(label)}</button>`,
  );
  return `<details><summary>Scenarios</summary>
<p class="soft">Each uses a test card; what you typed about yourself is kept.</p>
${buttons.join('\n')}</details>`;
}

/** The number behind a scenario's button; undefined if there is no such scenario. */
export function scenarioNumber(name: string): string | undefined {
  return SCENARIOS.some(([card]) => card === name) ? cardByName(name)?.number : undefined;
}
