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

export interface CardRow {
  readonly id: string;
  readonly fingerprint: string | null;
  readonly brand: string;
  readonly last4: string;
  readonly expMonth: number;
  readonly expYear: number;
  readonly country: string | null;
  readonly funding: string;
  readonly isDefault: boolean;
  readonly addedAt: Date;
  readonly expiry: 'good' | 'ends_soon' | 'expired';
  readonly restsUntil: Date | null;
}

/** A card is good through the last day of its month. Soon is within this month or the next one. */
export const listCards = (
  organizationId: string,
  provider: string,
  environment: string,
): Statement => ({
  text: `SELECT c.id, c.fingerprint, c.brand, c.last4, c.exp_month AS "expMonth",
      c.exp_year AS "expYear", c.country, c.funding, c.is_default AS "isDefault",
      c.added_at AS "addedAt", r.rested_until AS "restsUntil",
      CASE
        WHEN make_date(c.exp_year, c.exp_month, 1) + interval '1 month' <= bursar.now() AT TIME ZONE 'UTC'
          THEN 'expired'
        WHEN make_date(c.exp_year, c.exp_month, 1) <= bursar.now() AT TIME ZONE 'UTC' + interval '1 month'
          THEN 'ends_soon'
        ELSE 'good'
      END AS expiry
    FROM payments.cards c
    LEFT JOIN payments.resting_cards r ON r.organization_id = c.organization_id
      AND r.fingerprint = c.fingerprint AND r.rested_until > bursar.now()
    WHERE c.organization_id = $1 AND c.provider = $2 AND c.environment = $3
      AND c.removed_at IS NULL
    ORDER BY c.is_default DESC, c.added_at DESC, c.id`,
  values: [organizationId, provider, environment],
});

export interface CardOwner {
  readonly organizationId: string;
}

/** Whose a card is, for news of the processor that name only the card. */
export const ownerOfCard = (cardId: string, provider: string, environment: string): Statement => ({
  text: `SELECT organization_id AS "organizationId" FROM payments.cards
    WHERE id = $1 AND provider = $2 AND environment = $3`,
  values: [cardId, provider, environment],
});

/** Rows are written by one at a time, or two lists read at different moments would mix. */
export const lockCards = (organizationId: string): Statement => ({
  text: `SELECT pg_advisory_xact_lock(hashtextextended('payments.cards ' || $1, 0))`,
  values: [organizationId],
});

export const noDefault = (
  organizationId: string,
  provider: string,
  environment: string,
): Statement => ({
  text: `UPDATE payments.cards SET is_default = false
    WHERE organization_id = $1 AND provider = $2 AND environment = $3 AND is_default`,
  values: [organizationId, provider, environment],
});

export interface CardToKeep {
  readonly id: string;
  readonly fingerprint: string | null;
  readonly brand: string;
  readonly last4: string;
  readonly expMonth: number;
  readonly expYear: number;
  readonly country: string | null;
  readonly funding: string;
  readonly isDefault: boolean;
}

export const keepCard = (
  organizationId: string,
  provider: string,
  environment: string,
  card: CardToKeep,
): Statement => ({
  text: `INSERT INTO payments.cards (organization_id, provider, environment, id, fingerprint, brand,
      last4, exp_month, exp_year, country, funding, is_default)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
    ON CONFLICT (organization_id, id) DO UPDATE SET fingerprint = excluded.fingerprint,
      brand = excluded.brand, last4 = excluded.last4, exp_month = excluded.exp_month,
      exp_year = excluded.exp_year, country = excluded.country, funding = excluded.funding,
      is_default = excluded.is_default, updated_at = bursar.now(), removed_at = NULL`,
  values: [
    organizationId,
    provider,
    environment,
    card.id,
    card.fingerprint,
    card.brand,
    card.last4,
    card.expMonth,
    card.expYear,
    card.country,
    card.funding,
    card.isDefault,
  ],
});

export const forgetCardsBut = (
  organizationId: string,
  provider: string,
  environment: string,
  kept: readonly string[],
): Statement => ({
  text: `UPDATE payments.cards SET removed_at = bursar.now(), is_default = false
    WHERE organization_id = $1 AND provider = $2 AND environment = $3 AND removed_at IS NULL
      AND NOT id = ANY ($4)`,
  values: [organizationId, provider, environment, kept],
});
