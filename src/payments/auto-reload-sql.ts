import type { Statement } from '#db/pool';
import type { OrganizationId } from '#kernel/ids';
import type { NanoUsd } from '#kernel/money';
import type { Answer, HeldBy, PauseReason } from '#payments/auto-reload';
import { OPEN_STATES } from '#payments/purchase';

export interface SettingsRow {
  readonly organizationId: OrganizationId;
  readonly enabled: boolean;
  readonly threshold: NanoUsd;
  readonly target: NanoUsd;
  readonly maxPerDay: number;
  readonly maxPerMonth: NanoUsd | null;
  readonly paused: PauseReason | null;
  readonly pausedAt: Date | null;
  readonly softDeclines: number;
  readonly declinedAt: Date | null;
  readonly lookAgainAt: Date | null;
  readonly heldBy: HeldBy | null;
  readonly heldUntil: Date | null;
  /** The deployment that charges; null only in rows of before: whoever charges first. */
  readonly environment: string | null;
  readonly consentAt: Date | null;
  readonly consentBy: string | null;
  readonly changedAt: Date;
  readonly changedBy: string;
}

const COLUMNS = `organization_id AS "organizationId", enabled, threshold_nanos AS threshold,
  target_nanos AS target, max_per_day AS "maxPerDay", max_month_nanos AS "maxPerMonth",
  paused_reason AS paused, paused_at AS "pausedAt", soft_declines AS "softDeclines",
  declined_at AS "declinedAt", look_again_at AS "lookAgainAt", held_by AS "heldBy",
  held_until AS "heldUntil", environment, consent_at AS "consentAt",
  consent_by AS "consentBy", changed_at AS "changedAt", changed_by AS "changedBy"`;

export const findSettings = (organizationId: string): Statement => ({
  text: `SELECT ${COLUMNS} FROM payments.auto_reload WHERE organization_id = $1`,
  values: [organizationId],
});

/** Whoever decides, charges or switches off holds this lock: off means off (S17). */
export const lockSettings = (organizationId: string): Statement => ({
  text: `SELECT ${COLUMNS} FROM payments.auto_reload WHERE organization_id = $1 FOR UPDATE`,
  values: [organizationId],
});

export interface SettingsChange {
  readonly organizationId: string;
  readonly enabled: boolean;
  readonly threshold: NanoUsd;
  readonly target: NanoUsd;
  readonly maxPerDay: number;
  readonly maxPerMonth: NanoUsd | null;
  readonly actor: string;
  readonly consentVersion: string;
  /** Whose card processor is to be used: that of the deployment in which a person set it. */
  readonly environment: string;
}

/**
 * Consent is noted when it is switched on, and kept afterwards. Switching it on again is a person's
 * word that it may be tried again, but never with a card that was refused for good. The question is
 * asked by the timer, within a second: whoever saves this does not wait for a card.
 */
export const saveSettings = (change: SettingsChange): Statement => ({
  text: `INSERT INTO payments.auto_reload AS r (organization_id, enabled, threshold_nanos,
      target_nanos, max_per_day, max_month_nanos, consent_version, consent_at, consent_by,
      changed_by, environment, look_again_at, look_again_cause)
    VALUES ($1, $2, $3, $4, $5, $6, CASE WHEN $2 THEN $8::text END,
      CASE WHEN $2 THEN bursar.now() END, CASE WHEN $2 THEN $7::text END, $7, $9,
      CASE WHEN $2 THEN bursar.now() END, CASE WHEN $2 THEN 'settings_changed' END)
    ON CONFLICT (organization_id) DO UPDATE SET enabled = excluded.enabled,
      threshold_nanos = excluded.threshold_nanos, target_nanos = excluded.target_nanos,
      max_per_day = excluded.max_per_day, max_month_nanos = excluded.max_month_nanos,
      consent_version = CASE WHEN $2 AND NOT r.enabled THEN $8 ELSE r.consent_version END,
      consent_at = CASE WHEN $2 AND NOT r.enabled THEN bursar.now() ELSE r.consent_at END,
      consent_by = CASE WHEN $2 AND NOT r.enabled THEN $7 ELSE r.consent_by END,
      paused_reason = CASE WHEN $2 AND NOT r.enabled AND r.paused_reason <> 'card_declined'
        THEN NULL ELSE r.paused_reason END,
      paused_at = CASE WHEN $2 AND NOT r.enabled AND r.paused_reason <> 'card_declined'
        THEN NULL ELSE r.paused_at END,
      soft_declines = CASE WHEN $2 AND NOT r.enabled THEN 0 ELSE r.soft_declines END,
      held_by = NULL, held_until = NULL, environment = excluded.environment,
      look_again_at = excluded.look_again_at, look_again_cause = excluded.look_again_cause,
      changed_at = bursar.now(), changed_by = $7
    RETURNING ${COLUMNS}`,
  values: [
    change.organizationId,
    change.enabled,
    change.threshold,
    change.target,
    change.maxPerDay,
    change.maxPerMonth,
    change.actor,
    change.consentVersion,
    change.environment,
  ],
});

/** A person's decision against buying: no card is charged until somebody decides otherwise. */
export const switchOff = (organizationId: string, actor: string): Statement => ({
  text: `UPDATE payments.auto_reload SET enabled = false, look_again_at = NULL,
      changed_at = bursar.now(), changed_by = $2
    WHERE organization_id = $1 AND enabled RETURNING 1`,
  values: [organizationId, actor],
});

export const setLookAgain = (organizationId: string, at: Date | null): Statement => ({
  text: `UPDATE payments.auto_reload SET look_again_at = $2, look_again_cause = NULL
    WHERE organization_id = $1`,
  values: [organizationId, at],
});

/** Has the question asked by the timer of the deployment it belongs to, within a second. */
export const lookAgainNow = (organizationId: string, cause: string): Statement => ({
  text: `UPDATE payments.auto_reload SET look_again_at = bursar.now(), look_again_cause = $2
    WHERE organization_id = $1 AND enabled`,
  values: [organizationId, cause],
});

/** Another address may be what was missing: nothing is held back for the one before. */
export const addressChanged = (organizationId: string): Statement => ({
  text: `UPDATE payments.auto_reload SET held_by = NULL, held_until = NULL,
      look_again_at = CASE WHEN enabled THEN bursar.now() END,
      look_again_cause = CASE WHEN enabled THEN 'address_changed' END
    WHERE organization_id = $1`,
  values: [organizationId],
});

/** `until` null: for an hour if `by` passes by itself, else until somebody changes what is wrong. */
export const hold = (organizationId: string, by: HeldBy, until: Date | null): Statement => ({
  text: `UPDATE payments.auto_reload SET held_by = $2, held_until = coalesce($3,
      CASE WHEN $2 = 'payments_down' THEN bursar.now() + interval '1 hour' END)
    WHERE organization_id = $1`,
  values: [organizationId, by, until],
});

/** A row of before becomes that of the deployment that charges a card for it. */
export const claim = (organizationId: string, environment: string): Statement => ({
  text: `UPDATE payments.auto_reload SET environment = $2
    WHERE organization_id = $1 AND environment IS NULL`,
  values: [organizationId, environment],
});

/** Turns whose time has come, moved on first so that two processes do not both take one. */
export const takeDue = (environment: string, limit: number): Statement => ({
  text: `UPDATE payments.auto_reload AS r SET look_again_at = bursar.now() + interval '10 seconds'
      FROM (SELECT organization_id FROM payments.auto_reload
             WHERE look_again_at <= bursar.now() AND coalesce(environment, $1) = $1
             ORDER BY look_again_at LIMIT $2 FOR UPDATE SKIP LOCKED) AS due
     WHERE r.organization_id = due.organization_id
     RETURNING r.organization_id AS "organizationId", r.look_again_cause AS cause`,
  values: [environment, limit],
});

export const noteRefusal = (organizationId: string, pause: PauseReason | null): Statement => ({
  text: `UPDATE payments.auto_reload SET soft_declines = soft_declines + 1,
      declined_at = bursar.now(), paused_reason = coalesce($2, paused_reason),
      paused_at = CASE WHEN $2::text IS NULL THEN paused_at ELSE bursar.now() END
    WHERE organization_id = $1`,
  values: [organizationId, pause],
});

/** A reload that came to nothing though no card said no: it is not tried again at once. */
export const restForADay = (organizationId: string): Statement => ({
  text: 'UPDATE payments.auto_reload SET declined_at = bursar.now() WHERE organization_id = $1',
  values: [organizationId],
});

type Reload = { readonly organizationId: string; readonly id: string };

/** The processor is asked for this reload again from now on. */
export const noteCall = (reload: Reload): Statement => ({
  text: `UPDATE payments.purchases SET updated_at = bursar.now()
    WHERE organization_id = $1 AND id = $2 AND state = 'opening'`,
  values: [reload.organizationId, reload.id],
});

/** Longer than a call to the processor lasts with its repetitions, if the card was ever decided. */
export const lockIfQuiet = (reload: Reload): Statement => ({
  text: `SELECT id FROM payments.purchases
    WHERE organization_id = $1 AND id = $2 AND (payment_method_id IS NULL
      OR updated_at < bursar.now() - interval '1 minute') FOR UPDATE`,
  values: [reload.organizationId, reload.id],
});

/** A new card knows nothing of the old one's refusals. It is of one deployment's processor. */
export const forgetRefusals = (organizationId: string, environment: string): Statement => ({
  text: `UPDATE payments.auto_reload SET soft_declines = 0, declined_at = NULL,
      paused_reason = CASE WHEN paused_reason <> 'dispute' THEN NULL ELSE paused_reason END,
      paused_at = CASE WHEN paused_reason <> 'dispute' THEN NULL ELSE paused_at END
    WHERE organization_id = $1 AND coalesce(environment, $2) = $2`,
  values: [organizationId, environment],
});

/** It was paid: refusals before it count no more. */
export const forgetSoftRefusals = (organizationId: string): Statement => ({
  text: `UPDATE payments.auto_reload SET soft_declines = 0, declined_at = NULL
    WHERE organization_id = $1 AND (soft_declines > 0 OR declined_at IS NOT NULL)`,
  values: [organizationId],
});

export interface HistoryRow {
  readonly now: Date;
  readonly nextMonth: Date;
  readonly pending: bigint;
  readonly underWay: boolean;
  readonly lastCreditedAt: Date | null;
  readonly begun: readonly Date[] | null;
  readonly chargedInMonth: bigint;
}

/**
 * What was bought before, in one reading. A failed reload counts for no brake: nothing was charged.
 * For the month counts what began in it, what was paid in it and what may still be. Money that was
 * set aside is under way until an operator has decided: nothing is charged again before.
 */
export const history = (organizationId: string): Statement => ({
  text: `SELECT n.now, n.month + interval '1 month' AS "nextMonth",
      coalesce(sum(p.credit_nanos) FILTER (WHERE p.state = 'processing'
        OR p.trigger = 'auto_reload' AND p.state IN ('draft', 'opening')), 0)::bigint AS pending,
      coalesce(bool_or(p.trigger = 'auto_reload' AND p.state IN ('draft', 'opening',
        'awaiting_customer', 'processing', 'declined')), false)
        OR EXISTS (SELECT FROM payments.quarantined_payments AS q
             JOIN payments.purchases AS r ON r.organization_id = $1 AND r.id = q.purchase_id
              AND r.trigger = 'auto_reload'
            WHERE q.organization_id = $1 AND q.resolved_at IS NULL
              AND NOT EXISTS (SELECT FROM payments.remedies AS m WHERE m.provider = q.provider
                   AND m.payment_intent_id = q.payment_intent_id AND m.state = 'done'))
        AS "underWay",
      max(p.settled_at) FILTER (WHERE p.trigger = 'auto_reload') AS "lastCreditedAt",
      array_agg(p.created_at ORDER BY p.created_at DESC) FILTER (WHERE p.trigger = 'auto_reload'
        AND p.state NOT IN ('failed', 'canceled', 'expired', 'abandoned')
        AND p.created_at > n.now - interval '24 hours') AS begun,
      coalesce(sum(p.total_nanos) FILTER (WHERE p.trigger = 'auto_reload'
        AND p.state NOT IN ('failed', 'canceled', 'expired', 'abandoned')
        AND (greatest(p.created_at, p.settled_at) >= n.month OR p.state = ANY ($2))),
        0)::bigint AS "chargedInMonth"
    FROM (SELECT bursar.now() AS now,
                 date_trunc('month', bursar.now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC' AS month
         ) AS n
    LEFT JOIN payments.purchases AS p ON p.organization_id = $1
      AND (greatest(p.created_at, p.settled_at) >= least(n.month, n.now - interval '24 hours')
        OR p.state = ANY ($2))
   GROUP BY n.now, n.month`,
  values: [organizationId, OPEN_STATES],
});

export interface Evaluation {
  readonly cause: string;
  readonly outcome: Answer;
  readonly counted: bigint;
  readonly pending: NanoUsd;
  readonly threshold: NanoUsd;
  readonly purchaseId: string | null;
  readonly until: Date | null;
}

/** The same answer again is counted on its row; called with the settings locked. */
export const noteEvaluation = (organizationId: string, evaluation: Evaluation): Statement => ({
  text: `WITH last AS (
      SELECT seq, cause, outcome, purchase_id FROM payments.auto_reload_evaluations
       WHERE organization_id = $1 ORDER BY seq DESC LIMIT 1),
    again AS (
      UPDATE payments.auto_reload_evaluations AS e
         SET times = e.times + 1, last_at = bursar.now(), counted_nanos = $4, pending_nanos = $5,
             threshold_nanos = $6, until = $8
        FROM last WHERE e.organization_id = $1 AND e.seq = last.seq AND last.outcome = $3
         AND $3 <> 'started' RETURNING 1)
    INSERT INTO payments.auto_reload_evaluations (organization_id, seq, cause, outcome,
      counted_nanos, pending_nanos, threshold_nanos, purchase_id, until)
    SELECT $1, coalesce((SELECT seq FROM last), 0) + 1, $2, $3, $4, $5, $6, $7, $8
     WHERE NOT EXISTS (SELECT FROM again)`,
  values: [
    organizationId,
    evaluation.cause,
    evaluation.outcome,
    evaluation.counted,
    evaluation.pending,
    evaluation.threshold,
    evaluation.purchaseId,
    evaluation.until,
  ],
});

export interface EvaluationRow extends Evaluation {
  readonly firstAt: Date;
  readonly lastAt: Date;
  readonly times: number;
}

export const listEvaluations = (organizationId: string, limit: number): Statement => ({
  text: `SELECT cause, outcome, counted_nanos AS counted, pending_nanos AS pending,
      threshold_nanos AS threshold, purchase_id AS "purchaseId", until, first_at AS "firstAt",
      last_at AS "lastAt", times
    FROM payments.auto_reload_evaluations WHERE organization_id = $1 ORDER BY seq DESC LIMIT $2`,
  values: [organizationId, limit],
});

export const reloadsInStates = (organizationId: string, states: readonly string[]): Statement => ({
  text: `SELECT id, organization_id AS "organizationId" FROM payments.purchases
    WHERE organization_id = $1 AND trigger = 'auto_reload' AND state = ANY ($2)`,
  values: [organizationId, states],
});
