-- Why: a charge is explained years later by the prices it was made with. Price books are kept whole
-- and never change; what changes is which one is in force. Every process learns of a change from
-- the statement that takes its next hold, which reads the epoch below: no charge is made with
-- prices that were no longer in force when its hold was taken (fault F88).
SET lock_timeout = '5s';

CREATE SCHEMA catalog;
GRANT USAGE ON SCHEMA catalog TO bursar_app;

CREATE TABLE catalog.price_books (
  version     text PRIMARY KEY CHECK (length(version) BETWEEN 1 AND 200),
  -- The canonical form of the book, and its SHA-256: one version is one content for ever.
  book        jsonb NOT NULL,
  digest      bytea NOT NULL CHECK (octet_length(digest) = 32),
  source      text NOT NULL CHECK (source IN ('bundled', 'file', 'import')),
  recorded_at timestamptz NOT NULL DEFAULT bursar.now(),
  recorded_by text NOT NULL
);

-- What an organization pays instead of the list price. `model` NULL: of all models; `applies_to`
-- NULL: on every component.
CREATE TABLE catalog.discounts (
  id              text PRIMARY KEY,
  organization_id text NOT NULL REFERENCES orgs.organizations (id),
  model           text,
  -- The share that is paid: 9/10 is a discount of 10 %.
  numerator       bigint NOT NULL,
  denominator     bigint NOT NULL,
  applies_to      text[],
  valid_from      timestamptz NOT NULL,
  valid_until     timestamptz,
  reason          text NOT NULL,
  recorded_at     timestamptz NOT NULL DEFAULT bursar.now(),
  recorded_by     text NOT NULL,
  CONSTRAINT discount_is_a_share CHECK (0 < numerator AND numerator <= denominator),
  CONSTRAINT discount_span CHECK (valid_until > valid_from)
);

-- Every change of what requests are priced by, in order. The last that names a version put that book
-- in force: `prices.use` because an operator said so, `prices.adopt` because a process was started
-- with it.
CREATE TABLE catalog.changes (
  epoch       bigint PRIMARY KEY CHECK (epoch > 0),
  kind        text NOT NULL CHECK (
    kind IN ('prices.adopt', 'prices.use', 'discount.add', 'discount.cancel')),
  version     text REFERENCES catalog.price_books (version),
  discount_id text REFERENCES catalog.discounts (id),
  changed_at  timestamptz NOT NULL DEFAULT bursar.now(),
  changed_by  text NOT NULL,
  CONSTRAINT change_names_its_subject CHECK (
    (kind LIKE 'prices.%') = (version IS NOT NULL)
    AND (kind LIKE 'discount.%') = (discount_id IS NOT NULL))
);
CREATE UNIQUE INDEX discount_changes ON catalog.changes (discount_id, kind)
  WHERE discount_id IS NOT NULL;

CREATE FUNCTION catalog.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'prices and discounts are never changed or removed: record a new one'
    USING ERRCODE = 'BU013';
END $$;
CREATE TRIGGER price_books_are_append_only BEFORE UPDATE OR DELETE OR TRUNCATE
  ON catalog.price_books FOR EACH STATEMENT EXECUTE FUNCTION catalog.refuse_change();
CREATE TRIGGER discounts_are_append_only BEFORE UPDATE OR DELETE OR TRUNCATE
  ON catalog.discounts FOR EACH STATEMENT EXECUTE FUNCTION catalog.refuse_change();
CREATE TRIGGER changes_are_append_only BEFORE UPDATE OR DELETE OR TRUNCATE
  ON catalog.changes FOR EACH STATEMENT EXECUTE FUNCTION catalog.refuse_change();
GRANT SELECT, INSERT ON catalog.price_books, catalog.discounts, catalog.changes TO bursar_app;

-- The next number, to its own transaction only: epochs become visible in their order.
CREATE FUNCTION catalog.next_epoch() RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended('catalog.epoch', 0));
  RETURN (SELECT coalesce(max(epoch), 0) + 1 FROM catalog.changes);
END $$;

CREATE FUNCTION catalog.epoch() RETURNS bigint LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT coalesce(max(epoch), 0) FROM catalog.changes
$$;
