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

/**
 * What a person agrees to when auto-reload is switched on: charges that nobody asks for again, how
 * much they are at most, and how they are stopped. The amounts are those of the form beside it.
 */
export const RELOAD_CONSENTS: readonly Consent[] = [
  // Before, the words for saving a card were shown here as well; they stay valid proof.
  {
    version: 'reload-2026-11-21',
    text:
      'I agree that the default card of my organization is charged automatically, without asking ' +
      'again: whenever the balance falls below the first amount above, for what brings it up to ' +
      'the second (at least $5), plus tax; at most as often a day and for as much a month as is set ' +
      'above. Every charge is listed under Payments and documents. Auto-reload can be switched off ' +
      'at any time on the Billing page; from then on no further charge is started.',
  },
];

const newestOfReload = RELOAD_CONSENTS.at(-1);

/** The one that is asked for now. */
export const RELOAD_CONSENT: Consent = newestOfReload ?? { version: '', text: '' };

const newest = CONSENTS.at(-1);

/** The one that is asked for now. */
export const CURRENT_CONSENT: Consent = newest ?? { version: '', text: '' };

export const consentText = (version: string): string | undefined =>
  [...CONSENTS, ...RELOAD_CONSENTS].find((one) => one.version === version)?.text;
