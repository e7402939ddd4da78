-- Why: a stream may be paid for in slices instead of by its whole bound (money rule H5). Which is
-- the organization's to choose. It is read with the key and decides no money: whatever is held is
-- decided under the lock of the book as before.
SET lock_timeout = '5s';

ALTER TABLE orgs.organizations ADD COLUMN hold_policy text NOT NULL DEFAULT 'auto'
  CHECK (hold_policy IN ('auto', 'full', 'sliced'));
