import type { Statement } from '#db/pool';

export type PauseCause = 'dispute' | 'fraud_warning';

/** Paused again, it is paused since now. */
export const pauseReload = (
  organizationId: string,
  cause: PauseCause,
  subject: string,
): Statement => ({
  text: `INSERT INTO payments.reload_pauses AS p (organization_id, cause, subject)
    VALUES ($1, $2, $3) ON CONFLICT (organization_id, cause, subject) DO UPDATE
      SET lifted_at = NULL,
          paused_at = CASE WHEN p.lifted_at IS NULL THEN p.paused_at ELSE bursar.now() END`,
  values: [organizationId, cause, subject],
});

/** Paused the first time it is told of; told of again, it stays as somebody has decided since. */
export const pauseOnce = (
  organizationId: string,
  cause: PauseCause,
  subject: string,
): Statement => ({
  text: `INSERT INTO payments.reload_pauses (organization_id, cause, subject)
    VALUES ($1, $2, $3) ON CONFLICT (organization_id, cause, subject) DO NOTHING`,
  values: [organizationId, cause, subject],
});

export const liftPause = (
  organizationId: string,
  cause: PauseCause,
  subject: string,
): Statement => ({
  text: `UPDATE payments.reload_pauses SET lifted_at = bursar.now()
    WHERE organization_id = $1 AND cause = $2 AND subject = $3 AND lifted_at IS NULL
    RETURNING subject`,
  values: [organizationId, cause, subject],
});

/** Why automatic purchases of an organization wait, the oldest cause first; none if they do not. */
export const openPauses = (organizationId: string): Statement => ({
  text: `SELECT cause, subject FROM payments.reload_pauses
    WHERE organization_id = $1 AND lifted_at IS NULL ORDER BY paused_at, cause, subject`,
  values: [organizationId],
});
