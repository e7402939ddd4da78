import type { Db } from '#db/pool';
import { type EndingCard, endingCards as select } from '#payments/cards-ending-sql';

export type { EndingCard };

/** Saved cards whose last month ends within so many days, by business time. */
export const endingCards = (
  db: Db,
  of: { readonly days: number; readonly provider: string; readonly environment: string },
): Promise<EndingCard[]> => db.query<EndingCard>(select(of.days, of.provider, of.environment));
