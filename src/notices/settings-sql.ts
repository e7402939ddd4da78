import type { Statement } from '#db/pool';
import type { NanoUsd } from '#kernel/money';

export interface SettingsRow {
  readonly lowBalance: NanoUsd | null;
  readonly runwayDays: number | null;
  readonly limitSteps: readonly number[];
  readonly digest: boolean;
  readonly roles: Readonly<Record<string, unknown>>;
}

export const findSettings = (organizationId: string): Statement => ({
  text: `SELECT low_balance_nanos AS "lowBalance", runway_days AS "runwayDays",
      limit_steps AS "limitSteps", digest, roles
    FROM notices.settings WHERE organization_id = $1`,
  values: [organizationId],
});

/** Of those who chose their own. */
export const selectLimitSteps = (organizationIds: readonly string[]): Statement => ({
  text: `SELECT organization_id AS "organizationId", limit_steps AS "limitSteps"
    FROM notices.settings WHERE organization_id = ANY ($1)`,
  values: [organizationIds],
});

export const saveSettings = (
  organizationId: string,
  settings: SettingsRow,
  actor: string,
): Statement => ({
  text: `INSERT INTO notices.settings (organization_id, low_balance_nanos, runway_days,
      limit_steps, digest, roles, changed_by)
    VALUES ($1, $2, $3, $4, $5, $6, $7)
    ON CONFLICT (organization_id) DO UPDATE SET low_balance_nanos = excluded.low_balance_nanos,
      runway_days = excluded.runway_days, limit_steps = excluded.limit_steps,
      digest = excluded.digest, roles = excluded.roles, changed_at = bursar.now(),
      changed_by = excluded.changed_by`,
  values: [
    organizationId,
    settings.lowBalance,
    settings.runwayDays,
    settings.limitSteps,
    settings.digest,
    JSON.stringify(settings.roles),
    actor,
  ],
});

export interface AddressRow {
  readonly address: string;
  readonly topics: readonly string[];
  readonly addedAt: Date;
  readonly confirmedAt: Date | null;
}

export const listAddresses = (organizationId: string): Statement => ({
  text: `SELECT address, topics, added_at AS "addedAt", confirmed_at AS "confirmedAt"
    FROM notices.addresses WHERE organization_id = $1 ORDER BY address`,
  values: [organizationId],
});

/** Who had agreed already need not agree to other topics; a removed address must again. */
export const saveAddress = (
  organizationId: string,
  address: string,
  topics: readonly string[],
  actor: string,
): Statement => ({
  text: `INSERT INTO notices.addresses AS a (organization_id, address, topics, added_by)
    VALUES ($1, $2, $3, $4)
    ON CONFLICT (organization_id, address) DO UPDATE SET topics = excluded.topics
    RETURNING confirmed_at AS "confirmedAt"`,
  values: [organizationId, address, topics, actor],
});

export const removeAddress = (organizationId: string, address: string): Statement => ({
  text: `DELETE FROM notices.addresses WHERE organization_id = $1 AND address = $2
    RETURNING address`,
  values: [organizationId, address],
});

export const confirmAddress = (organizationId: string, address: string): Statement => ({
  text: `UPDATE notices.addresses SET confirmed_at = coalesce(confirmed_at, bursar.now())
    WHERE organization_id = $1 AND address = $2 RETURNING address`,
  values: [organizationId, address],
});

/** So that nobody is sent confirmations without end. */
export const recentConfirmations = (address: string, hours: number): Statement => ({
  text: `SELECT count(*)::int AS count FROM notices.mails
    WHERE address = $1 AND form = 'confirmation'
      AND created_at > bursar.now() - make_interval(hours => $2)`,
  values: [address, hours],
});

export const insertOptOut = (
  organizationId: string,
  address: string,
  topic: string,
): Statement => ({
  text: `INSERT INTO notices.opt_outs (organization_id, address, topic) VALUES ($1, $2, $3)
    ON CONFLICT DO NOTHING`,
  values: [organizationId, address, topic],
});

export const removeOptOut = (
  organizationId: string,
  address: string,
  topic: string,
): Statement => ({
  text: `DELETE FROM notices.opt_outs WHERE organization_id = $1 AND address = $2 AND topic = $3
    RETURNING topic`,
  values: [organizationId, address, topic],
});

export interface OptOutRow {
  readonly address: string;
  readonly topic: string;
}

export const listOptOuts = (organizationId: string): Statement => ({
  text: `SELECT address, topic FROM notices.opt_outs WHERE organization_id = $1
    ORDER BY address, topic`,
  values: [organizationId],
});
