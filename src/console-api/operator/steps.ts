import type { AlarmName } from '#payments/alarms';
import type { DifferenceKind } from '#payments/differences';

/** The one thing to do about each alarm. */
export const ALARM_STEPS: Readonly<Record<AlarmName, string>> = {
  paid_not_credited:
    'See why in the log of the worker; what is repaired is credited by itself. “bursar reconcile” ' +
    'credits what nobody did.',
  webhook_silence:
    'Look at the endpoint’s deliveries at the processor, at the webhook secret and at the proxy. ' +
    'Nobody waits for credit meanwhile.',
  decline_spike: 'Look at the declines at the processor: cards may be tested on your page.',
  stuck_payments: 'Look at the processor’s status page. No money is lost; polling goes on.',
  clock_skew: 'Set the clock of this host. Beyond five minutes every webhook is refused as old.',
  webhook_endpoint: 'Repair the endpoint at the processor.',
};

/** The one thing to do about each kind of difference. */
export const DIFFERENCE_STEPS: Readonly<Record<DifferenceKind, string>> = {
  paid_not_credited: 'Open the payment; credit it here or refund it.',
  credited_not_paid:
    'Look for the payment at the processor. If there is none, suspend the organization until it is ' +
    'known what made the credit.',
  amount_differs: 'Compare the purchase with the payment at the processor.',
  grant_differs: 'Verify the ledger: “bursar ledger verify --full”.',
  grant_without_purchase:
    'Look for its payment at the processor, and find out what made the grant.',
  refund_differs: 'Compare the refunds of the purchase with those at the processor.',
  dispute_unknown: 'See in the log why the dispute was not read; it is looked for every hour.',
};
