/**
 * What the Billing page and its server say about starter credit. Shared with the browser, hence
 * zod/mini and no other import. Amounts and times as in `../contract.ts`.
 */
import * as z from 'zod/mini';

const usd = z.string().check(z.regex(/^-?\d{1,18}(\.\d{1,9})?$/));

// GET and POST /api/billing/starter-credit; asking for it answers how it stands then
export const starterResponse = z.object({
  /** Null where the operator gives none. It is for whoever asks: another person may have had it. */
  offer: z.nullable(
    z.object({
      /** `ready`: a saved card will do, and it only has to be asked for. */
      status: z.enum(['needs_card', 'ready', 'given', 'refused']),
      amount_usd: usd,
      title: z.string(),
      text: z.string(),
      next_step: z.string(),
      /** Of the one that was given. */
      grant_id: z.nullable(z.string()),
      /** The card that brought it. */
      card_id: z.nullable(z.string()),
    }),
  ),
});

export type StarterResponse = z.infer<typeof starterResponse>;
export type StarterOffer = NonNullable<StarterResponse['offer']>;
