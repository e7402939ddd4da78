import type { Statement } from '#db/pool';
import type { CardFacts } from '#payments/declines';

export interface RestingCard {
  readonly fingerprint: string;
  readonly brand: string;
  readonly last4: string;
  readonly until: Date;
}

/** A later refusal never shortens an earlier rest. */
export const restCard = (
  organizationId: string,
  card: CardFacts & { readonly fingerprint: string },
  hours: number,
): Statement => ({
  text: `INSERT INTO payments.resting_cards AS known
      (organization_id, fingerprint, brand, last4, rested_until)
    VALUES ($1, $2, $3, $4, bursar.now() + make_interval(hours => $5))
    ON CONFLICT (organization_id, fingerprint) DO UPDATE SET rested_at = excluded.rested_at,
      rested_until = greatest(known.rested_until, excluded.rested_until)`,
  values: [organizationId, card.fingerprint, card.brand, card.last4, hours],
});

export const listResting = (organizationId: string): Statement => ({
  text: `SELECT fingerprint, brand, last4, rested_until AS until FROM payments.resting_cards
    WHERE organization_id = $1 AND rested_until > bursar.now() ORDER BY rested_until, fingerprint`,
  values: [organizationId],
});
