-- Why: every other migration needs one answer to "what time is it" and one role that may do less
-- than the owner. Business time can be moved by the test clock, and only in simulator mode;
-- leases follow real time, because a process that died is dead in real time.
SET lock_timeout = '5s';

CREATE SCHEMA IF NOT EXISTS bursar;

DO $$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'bursar_app') THEN
    CREATE ROLE bursar_app NOLOGIN;
  END IF;
END $$;

GRANT USAGE ON SCHEMA bursar TO bursar_app;

CREATE TABLE bursar.deployment (
  only_row     boolean  PRIMARY KEY DEFAULT true CHECK (only_row),
  simulated    boolean  NOT NULL DEFAULT false,
  clock_offset interval NOT NULL DEFAULT '0',
  -- A payment in live mode must never be dated by a clock somebody moved.
  CONSTRAINT clock_moves_only_in_simulation CHECK (simulated OR clock_offset = '0')
);
INSERT INTO bursar.deployment DEFAULT VALUES;
GRANT SELECT ON bursar.deployment TO bursar_app;
GRANT UPDATE (simulated) ON bursar.deployment TO bursar_app;

-- Business time: expiry, months, when something happened.
CREATE FUNCTION bursar.now() RETURNS timestamptz
LANGUAGE sql STABLE PARALLEL SAFE AS
$$ SELECT statement_timestamp() + clock_offset FROM bursar.deployment $$;

-- Real time: leases of live holds.
CREATE FUNCTION bursar.real_now() RETURNS timestamptz
LANGUAGE sql VOLATILE AS
$$ SELECT clock_timestamp() $$;

CREATE FUNCTION bursar.advance_clock(step interval) RETURNS timestamptz
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
  IF step <= '0' THEN
    RAISE EXCEPTION 'the clock only moves forward' USING ERRCODE = 'BU001';
  END IF;
  UPDATE bursar.deployment SET clock_offset = clock_offset + step WHERE simulated;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'the clock moves only with the simulators' USING ERRCODE = 'BU002';
  END IF;
  RETURN bursar.now();
END $$;
REVOKE ALL ON FUNCTION bursar.advance_clock(interval) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION bursar.advance_clock(interval) TO bursar_app;

-- One calendar year later in UTC; 29 February becomes 1 March, so nobody loses a day.
CREATE FUNCTION bursar.one_year_after(t timestamptz) RETURNS timestamptz
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE
    WHEN to_char(t AT TIME ZONE 'UTC', 'MMDD') = '0229'
      THEN (t AT TIME ZONE 'UTC' + interval '1 day' + interval '1 year') AT TIME ZONE 'UTC'
    ELSE (t AT TIME ZONE 'UTC' + interval '1 year') AT TIME ZONE 'UTC'
  END
$$;
