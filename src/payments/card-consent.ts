/** What a person agrees to when a card is saved. Published versions are never edited: they are proof. */
export interface Consent {
  readonly version: string;
  readonly text: string;
}

export const CONSENTS: readonly Consent[] = [
  {
    version: '2026-11-21',
    text:
      'I agree that this card is saved with the payment processor and may be charged without me ' +
      'being present, but only by auto-reload, and only while someone of my organization has it ' +
      'switched on: whenever the balance falls below the threshold set there, for the amount that ' +
      'brings it up to the target set there, plus tax. Saving the card charges nothing and ' +
      'switches nothing on. Auto-reload can be switched off and the card removed at any time on ' +
      'the Billing page.',
  },
];

const newest = CONSENTS.at(-1);

/** The one that is asked for now. */
export const CURRENT_CONSENT: Consent = newest ?? { version: '', text: '' };

export const consentText = (version: string): string | undefined =>
  CONSENTS.find((one) => one.version === version)?.text;
