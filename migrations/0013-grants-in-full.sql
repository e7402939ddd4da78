-- Why: credit ends in other ways than by use: it expires, is disputed, refunded or was a mistake.
-- Each of them takes only what nobody was promised, so a request keeps what it was admitted by, and
-- each can be told twice.
SET lock_timeout = '5s';

-- The tax collected with a purchase, so that giving money back can return its share.
ALTER TABLE ledger.grants ADD COLUMN tax_nanos bigint NOT NULL DEFAULT 0 CHECK (tax_nanos >= 0);
UPDATE ledger.grants g SET tax_nanos = tax.amount_nanos
  FROM ledger.entries credit
  JOIN ledger.entries tax ON tax.organization_id = credit.organization_id
   AND tax.transaction_no = credit.transaction_no AND tax.reason = 'payment.tax'
 WHERE credit.reason = 'credit.purchase' AND credit.organization_id = g.organization_id
   AND credit.to_account = 'grant:' || g.id;

-- A grant given by mistake: since when, and why.
ALTER TABLE ledger.grants
  ADD COLUMN voided_at timestamptz,
  ADD COLUMN void_reason text,
  ADD CONSTRAINT purchases_are_refunded CHECK (voided_at IS NULL OR kind <> 'purchase');
GRANT UPDATE (voided_at, void_reason) ON ledger.grants TO bursar_app;

-- What a lost dispute took, by where it was found: nothing of it is given back or taken again.
-- `promised_nanos` is the part of the debt that is still in the grant, because open holds need it;
-- what they leave of it pays the debt.
ALTER TABLE ledger.freezes
  ADD COLUMN seized_nanos   bigint NOT NULL DEFAULT 0 CHECK (seized_nanos >= 0),
  ADD COLUMN debt_nanos     bigint NOT NULL DEFAULT 0 CHECK (debt_nanos >= 0),
  ADD COLUMN breakage_nanos bigint NOT NULL DEFAULT 0 CHECK (breakage_nanos >= 0),
  ADD COLUMN tax_nanos      bigint NOT NULL DEFAULT 0 CHECK (tax_nanos >= 0),
  ADD COLUMN promised_nanos bigint NOT NULL DEFAULT 0
    CHECK (promised_nanos BETWEEN 0 AND debt_nanos),
  ADD CONSTRAINT only_frozen_is_seized CHECK (seized_nanos <= amount_nanos);
GRANT UPDATE (seized_nanos, debt_nanos, breakage_nanos, tax_nanos, promised_nanos)
  ON ledger.freezes TO bursar_app;

-- One row per refund that was asked for.
CREATE TABLE ledger.refunds (
  organization_id text NOT NULL,
  reference       text NOT NULL,
  grant_id        text NOT NULL,
  state           text NOT NULL DEFAULT 'refunding'
    CHECK (state IN ('refunding', 'paid', 'failed')),
  amount_nanos    bigint NOT NULL CHECK (amount_nanos > 0),
  tax_nanos       bigint NOT NULL CHECK (tax_nanos >= 0),
  requested_at    timestamptz NOT NULL,
  ended_at        timestamptz,
  PRIMARY KEY (organization_id, reference),
  FOREIGN KEY (organization_id, grant_id) REFERENCES ledger.grants (organization_id, id),
  CHECK ((state = 'refunding') = (ended_at IS NULL))
);
CREATE INDEX refunds_of_a_grant ON ledger.refunds (organization_id, grant_id);
GRANT SELECT, INSERT ON ledger.refunds TO bursar_app;
GRANT UPDATE (state, ended_at) ON ledger.refunds TO bursar_app;

-- Stops a grant now and counts it as stopped, in a statement after the one that locked the book.
-- Later than every promise that was made, even if a clock was set back: those keep their cover.
CREATE FUNCTION ledger.stop_grant(p_org text, p_grant text) RETURNS timestamptz
LANGUAGE plpgsql AS $$
DECLARE
  at timestamptz;
BEGIN
  SELECT greatest(bursar.now(), max(h.placed_at) + interval '1 microsecond',
                  max(e.extended_at) + interval '1 microsecond')
    INTO at
    FROM ledger.holds h
    LEFT JOIN ledger.hold_extensions e ON e.organization_id = p_org AND e.hold_id = h.id
   WHERE h.organization_id = p_org AND h.state = 'open';
  UPDATE ledger.grants SET stopped_at = least(stopped_at, at)
   WHERE organization_id = p_org AND id = p_grant;
  PERFORM ledger.count_grants(p_org, at);
  RETURN at;
END $$;

-- When the rest of an expired grant became breakage: at its expiry, or when it came back later from
-- a freeze or a refund. Earlier it was not there to expire.
CREATE FUNCTION ledger.broke_at(p_org text, p_grant text, p_expires timestamptz)
RETURNS timestamptz LANGUAGE sql STABLE AS $$
  SELECT greatest(p_expires,
    (SELECT max(ended_at) FROM ledger.freezes
      WHERE organization_id = p_org AND grant_id = p_grant),
    (SELECT max(ended_at) FROM ledger.refunds
      WHERE organization_id = p_org AND grant_id = p_grant AND state = 'failed'))
$$;

-- Books the part of an expired grant that no open hold needs, under the lock of its book: whoever
-- asks what became of a grant must not depend on whether the job has run.
CREATE FUNCTION ledger.book_uncovered(p_org text, p_grant text) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  at timestamptz := bursar.now();
  g record;
BEGIN
  SELECT expires_at, remaining_nanos - coalesce((
           SELECT c.covered_nanos FROM ledger.covers(p_org, at, '-infinity') AS c
            WHERE c.grant_id = p_grant), 0) AS rest
    INTO g FROM ledger.grants
   WHERE organization_id = p_org AND id = p_grant AND expires_at <= at AND voided_at IS NULL;
  IF g.rest > 0 THEN
    PERFORM ledger.post(p_org, 'expiry:' || p_grant, '{credit.expire}', ARRAY['grant:' || p_grant],
      '{breakage}', ARRAY[g.rest], ledger.broke_at(p_org, p_grant, g.expires_at), at);
  END IF;
END $$;

-- Books what is left of an organization's stopped grants, under the lock of its book, where no open
-- hold was placed before they stopped. Answers how many grants it changed.
CREATE FUNCTION ledger.book_stopped(p_org text, p_now timestamptz) RETURNS integer
LANGUAGE plpgsql AS $$
DECLARE
  first_hold timestamptz;
  changed integer := 0;
  g record;
  dispute text;
  promised bigint;
  owed bigint;
BEGIN
  SELECT min(placed_at) INTO first_hold FROM ledger.holds
   WHERE organization_id = p_org AND state = 'open';
  FOR g IN SELECT id, 'grant:' || id AS account, remaining_nanos AS rest, expires_at, stopped_at,
                  voided_at FROM ledger.grants
            WHERE organization_id = p_org AND NOT exhausted AND usable_until <= p_now
              AND (first_hold IS NULL OR first_hold >= usable_until)
            ORDER BY usable_until, expires_at, paid, granted_at, id
  LOOP
    changed := changed + 1;
    SELECT max(reference), coalesce(sum(promised_nanos), 0) INTO dispute, promised
      FROM ledger.freezes
     WHERE organization_id = p_org AND grant_id = g.id AND promised_nanos > 0;
    IF promised > 0 THEN
      SELECT least(g.rest, promised, -customer_debt_nanos) INTO STRICT owed
        FROM ledger.books WHERE organization_id = p_org;
      IF owed > 0 THEN
        PERFORM ledger.post(p_org, dispute, '{debt.repaid}', ARRAY[g.account], '{customer_debt}',
          ARRAY[owed], p_now, p_now);
        g.rest := g.rest - owed;
      END IF;
      UPDATE ledger.freezes SET promised_nanos = 0
       WHERE organization_id = p_org AND grant_id = g.id AND promised_nanos > 0;
    END IF;
    SELECT reference INTO dispute FROM ledger.freezes
     WHERE organization_id = p_org AND grant_id = g.id AND state = 'frozen';
    IF dispute IS NULL AND g.stopped_at IS NOT NULL AND g.voided_at IS NULL THEN
      -- The dispute is over: what it left is the customer's until it expires.
      UPDATE ledger.grants SET stopped_at = NULL WHERE organization_id = p_org AND id = g.id;
      PERFORM ledger.count_grants(p_org, p_now);
      CONTINUE WHEN g.expires_at > p_now;
    END IF;
    CONTINUE WHEN g.rest = 0;
    IF g.voided_at IS NOT NULL THEN
      PERFORM ledger.post(p_org, 'void:' || g.id, '{credit.void}', ARRAY[g.account],
        '{promo_expense}', ARRAY[g.rest], p_now, p_now);
    ELSIF g.expires_at <= p_now THEN
      PERFORM ledger.post(p_org, 'expiry:' || g.id, '{credit.expire}', ARRAY[g.account],
        '{breakage}', ARRAY[g.rest], ledger.broke_at(p_org, g.id, g.expires_at), p_now);
    ELSE
      PERFORM ledger.post(p_org, dispute, '{dispute.freeze}', ARRAY[g.account], '{dispute_frozen}',
        ARRAY[g.rest], p_now, p_now);
      UPDATE ledger.freezes SET amount_nanos = amount_nanos + g.rest
       WHERE organization_id = p_org AND reference = dispute;
    END IF;
  END LOOP;
  RETURN changed;
END $$;

-- The job's command: the organizations of the `p_limit` grants that stopped first, in id order, so
-- that it can never wait in a circle with a batch; a book that is busy is left to the next run.
-- Answers how many organizations it changed.
CREATE FUNCTION ledger.book_stopped_everywhere(p_limit integer) RETURNS integer
LANGUAGE plpgsql AS $$
DECLARE
  changed integer := 0;
  o text;
BEGIN
  FOR o IN SELECT DISTINCT first.organization_id
             FROM (SELECT g.organization_id FROM ledger.grants g
                    WHERE NOT g.exhausted AND g.usable_until <= bursar.now()
                      AND NOT EXISTS (SELECT FROM ledger.holds h
                                       WHERE h.organization_id = g.organization_id
                                         AND h.state = 'open' AND h.placed_at < g.usable_until)
                    ORDER BY g.usable_until LIMIT p_limit) AS first
            ORDER BY organization_id
  LOOP
    PERFORM FROM ledger.books WHERE organization_id = o FOR UPDATE SKIP LOCKED;
    CONTINUE WHEN NOT FOUND;
    IF ledger.book_stopped(o, bursar.now_under_lock()) > 0 THEN
      changed := changed + 1;
    END IF;
  END LOOP;
  RETURN changed;
END $$;
