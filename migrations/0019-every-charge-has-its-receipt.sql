-- Why: a receipt that was never written is as wrong as one that says another charge, and verification
-- must find it the same night. What a request charged, its hold says; what is new since the last night
-- is found by time, which in both tables follows the order of writing.
SET lock_timeout = '5s';

-- One summary for each megabyte: next to nothing to keep, where an index of rows would be paid for by
-- every request.
CREATE INDEX requests_as_they_settled ON metering.requests USING brin (settled_at);
CREATE INDEX holds_as_they_resolved ON ledger.holds USING brin (resolved_at);

-- The instant a verification saw: what was written since is for the next one.
ALTER TABLE ledger.verifications ADD COLUMN began_at timestamptz;
UPDATE ledger.verifications SET began_at = at - interval '1 day';
ALTER TABLE ledger.verifications ALTER COLUMN began_at SET NOT NULL;
-- A process of the release before does not know it.
ALTER TABLE ledger.verifications ALTER COLUMN began_at
  SET DEFAULT bursar.now() - interval '1 day';

CREATE OR REPLACE VIEW charging.receipt_charges AS
  SELECT ctid AS place, organization_id, request_id, charged_nanos, overrun_nanos, loss_nanos,
         settled_at
    FROM metering.requests;

-- The limits that count otherwise than the holds of these keys, summed by the month in which they were
-- placed, say; see the view spend_recount, which reads all holds for each limit.
CREATE FUNCTION charging.spend_differences(p_keys text[], p_months date[], p_held numeric[],
  p_charged numeric[])
RETURNS TABLE (organization_id text, level text, subject_id text, month date, held_nanos bigint,
  charged_nanos bigint, recounted_held numeric, recounted_charged numeric)
LANGUAGE sql STABLE AS $$
  WITH spent AS (
    SELECT k.organization_id, s.subject_id, u.month, sum(u.held) AS held, sum(u.charged) AS charged
      FROM unnest(p_keys, p_months, p_held, p_charged) AS u (key, month, held, charged)
      JOIN orgs.api_keys k ON k.id = u.key
     CROSS JOIN LATERAL (VALUES (k.organization_id), (k.workspace_id), (k.id)) AS s (subject_id)
     GROUP BY 1, 2, 3)
  SELECT l.organization_id, l.level, l.subject_id, c.month, c.held, c.charged,
         coalesce(s.held, 0), coalesce(s.charged, 0)
    FROM orgs.spend_limits l
   CROSS JOIN LATERAL (VALUES
     (l.month, l.held_nanos, l.charged_nanos),
     ((l.month - interval '1 month')::date, l.last_held_nanos, l.last_charged_nanos)
   ) AS c (month, held, charged)
    LEFT JOIN spent s ON s.organization_id = l.organization_id AND s.subject_id = l.subject_id
     AND s.month = c.month
   WHERE c.held <> coalesce(s.held, 0) OR c.charged <> coalesce(s.charged, 0)
$$;

-- Organizations with limits, and the first instants of the months that these count and of those after.
CREATE VIEW charging.counted_months AS
  SELECT ARRAY(SELECT DISTINCT organization_id FROM orgs.spend_limits) AS organizations,
         ARRAY(SELECT DISTINCT (m.month + step) :: date
                 FROM (SELECT DISTINCT month FROM orgs.spend_limits) AS m,
                      (VALUES (interval '-1 month'), (interval '0'), (interval '1 month')) AS s (step)
                ORDER BY 1) AS months;
-- Holds as limits count them, by who spends, with the place of each row.
CREATE VIEW charging.counted_holds AS
  SELECT ctid AS place, organization_id, id, api_key_id AS spender, state, amount_nanos,
         charged_nanos, placed_at
    FROM ledger.holds;
GRANT SELECT ON charging.counted_months, charging.counted_holds TO bursar_app;
