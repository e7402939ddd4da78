-- Why: two deployments may share a database, each with a card processor of its own. What charges a
-- card, credits or refunds by itself names the deployment it belongs to, as purchases do: the other
-- one's processor would answer that nothing of it exists.
SET lock_timeout = '5s';

-- The deployment in which it was last set. NULL only in rows of before with nothing to tell by: they
-- are whoever's charges a card for them first.
ALTER TABLE payments.auto_reload
  ADD COLUMN environment      text,
  -- Why `look_again_at` was set, where it is not the end of a brake.
  ADD COLUMN look_again_cause text;
UPDATE payments.auto_reload AS r SET environment = coalesce(
  (SELECT p.environment FROM payments.purchases AS p
    WHERE p.organization_id = r.organization_id AND p.trigger = 'auto_reload'
    ORDER BY p.created_at DESC LIMIT 1),
  (SELECT c.environment FROM payments.cards AS c
    WHERE c.organization_id = r.organization_id AND c.removed_at IS NULL
    ORDER BY c.is_default DESC, c.updated_at DESC LIMIT 1));

-- Why nothing is bought though no card said no: an address is missing or of no use, our own account
-- does not work, or what is left of the month is less than the least purchase with its tax. Until a
-- time, or until somebody changes what is wrong.
ALTER TABLE payments.auto_reload
  ADD COLUMN held_by    text CHECK (held_by IN ('address_needed', 'address_refused',
    'region_not_sold', 'payments_down', 'month_full_with_tax')),
  ADD COLUMN held_until timestamptz CHECK (held_until IS NULL OR held_by IS NOT NULL);

-- Which deployment's processor took the money, and so can give it back. NULL in rows of before that
-- name no purchase: any deployment may follow them.
ALTER TABLE payments.quarantined_payments ADD COLUMN environment text;
UPDATE payments.quarantined_payments AS q SET environment = p.environment
  FROM payments.purchases AS p
 WHERE p.organization_id = q.organization_id AND p.id = q.purchase_id;

-- Stored with the purchase because a repeated request must equal the first.
ALTER TABLE payments.purchases ADD COLUMN receipt_email text CHECK (length(receipt_email) <= 320);
