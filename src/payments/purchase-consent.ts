import type { Consent } from '#payments/card-consent';

/**
 * What a person agrees to who has the card kept that a purchase is paid with. Published versions are
 * never edited: they are proof.
 */
export const PURCHASE_CONSENTS: readonly Consent[] = [
  {
    version: 'purchase-2026-11-21',
    text:
      'Save the card I pay with. I agree that the payment processor keeps it and that it may then ' +
      'be charged without me being present, but only by auto-reload, and only while someone of my ' +
      'organization has it switched on: when the balance falls below the threshold set there, for ' +
      'the amount that brings it up to the target, plus tax. Saving it switches nothing on. ' +
      'Auto-reload can be switched off and the card removed at any time on the Billing page.',
  },
];

/** The one that is asked for now. */
export const PURCHASE_CONSENT: Consent = PURCHASE_CONSENTS.at(-1) ?? { version: '', text: '' };

export const purchaseConsentText = (version: string): string | undefined =>
  PURCHASE_CONSENTS.find((one) => one.version === version)?.text;
