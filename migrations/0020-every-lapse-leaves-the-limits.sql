-- Why: a hold that asked for more than was available freed what dead processes held, but only in the
-- ledger: limits counted it until the month ended, and refused who still had room. Whoever has a
-- limit now has lapsed holds freed in both at once, before the ledger could need to.
SET lock_timeout = '5s';

-- The limits that bound each command, as caps of ledger.place. Where a limit or the credit might
-- refuse, holds of dead processes are freed first, because by rule H4 they no longer count; what
-- ledger.place would free by itself, no limit would hear of. An extension counts for the key and the
-- month of its hold: caps of the month before stand behind those of this one.
CREATE OR REPLACE FUNCTION charging.caps(p_book ledger.books, p_kinds text[], p_ids text[],
  p_keys text[], p_amounts bigint[], p_workspaces text[], p_now timestamptz, p_real timestamptz,
  OUT held bigint, OUT levels text[], OUT subjects text[], OUT rooms bigint[],
  OUT caps_a integer[], OUT caps_b integer[], OUT caps_c integer[],
  OUT hold_keys text[], OUT placed timestamptz[])
LANGUAGE plpgsql AS $$
DECLARE
  org text := p_book.organization_id;
  this_month date := orgs.month_of(p_now);
  last_rooms bigint[];
  behind integer;
  hold record;
  asked numeric := (SELECT sum(amount) FROM unnest(p_amounts) AS amount);
BEGIN
  held := p_book.held_nanos;
  SELECT l.levels, l.subjects, l.rooms, l.last_rooms INTO levels, subjects, rooms, last_rooms
    FROM orgs.limits_in(org, this_month) AS l;
  -- At least what is available without what stopped grants cover, if the sums are still true.
  IF asked >= (SELECT min(room) FROM unnest(rooms || last_rooms) AS room)
     OR p_now >= p_book.live_until OR asked >= p_book.live_nanos - p_book.held_nanos THEN
    held := held - charging.expire_lapsed(org, p_now, p_real);
    IF held < p_book.held_nanos THEN
      SELECT l.rooms, l.last_rooms INTO rooms, last_rooms
        FROM orgs.limits_in(org, this_month) AS l;
    END IF;
  END IF;
  IF rooms IS NULL THEN RETURN; END IF;
  hold_keys := p_keys;
  placed := array_fill(p_now, ARRAY[cardinality(p_ids)]);
  FOR i IN 1 .. cardinality(p_ids) LOOP
    behind := 0;
    IF p_kinds[i] = 'extend' THEN
      SELECT h.api_key_id, h.placed_at, k.workspace_id INTO hold
        FROM ledger.holds h
        LEFT JOIN orgs.admit(org, ARRAY[h.api_key_id], p_now) AS k ON true
       WHERE h.organization_id = org AND h.id = p_ids[i];
      hold_keys[i] := hold.api_key_id;
      placed[i] := coalesce(hold.placed_at, p_now);
      p_workspaces[i] := hold.workspace_id;
      behind := CASE WHEN orgs.month_of(placed[i]) < this_month THEN cardinality(levels) ELSE 0 END;
    END IF;
    caps_a[i] := array_position(subjects, org) + behind;
    caps_b[i] := array_position(subjects, p_workspaces[i]) + behind;
    caps_c[i] := array_position(subjects, hold_keys[i]) + behind;
  END LOOP;
  rooms := rooms || last_rooms;
  levels := levels || levels;
  subjects := subjects || subjects;
END $$;

-- What limits have counted too much so far, each under the lock of its book. Only open holds are
-- read, through their index: to recount all that were ever placed would take minutes, in which
-- nobody is served.
DO $$
DECLARE
  org text;
BEGIN
  SET LOCAL enable_seqscan = off;
  FOR org IN SELECT DISTINCT organization_id FROM orgs.spend_limits ORDER BY organization_id LOOP
    PERFORM ledger.lock_book(org);
    UPDATE orgs.spend_limits l SET held_nanos = h.held, last_held_nanos = h.last_held
      FROM (SELECT s.level, s.subject_id,
                   coalesce(sum(o.amount) FILTER (WHERE o.month = s.month), 0) AS held,
                   coalesce(sum(o.amount) FILTER (WHERE orgs.follows(s.month, o.month)), 0)
                     AS last_held
              FROM orgs.spend_limits s
              LEFT JOIN (SELECT k.id, k.workspace_id, orgs.month_of(o.placed_at) AS month,
                                sum(o.amount_nanos) AS amount
                           FROM ledger.holds o
                           JOIN orgs.api_keys k ON k.organization_id = org AND k.id = o.api_key_id
                          WHERE o.organization_id = org AND o.state = 'open'
                          GROUP BY 1, 2, 3) AS o
                ON s.subject_id IN (org, o.workspace_id, o.id)
             WHERE s.organization_id = org
             GROUP BY 1, 2) AS h
     WHERE l.organization_id = org AND l.level = h.level AND l.subject_id = h.subject_id
       AND (l.held_nanos <> h.held OR l.last_held_nanos <> h.last_held);
  END LOOP;
END $$;
