-- Why: uploaded files of all customers lie in the operator's one account upstream. Whose each one is
-- stands here and nowhere else. Neither names nor content: those stay upstream.
SET lock_timeout = '5s';

CREATE TABLE orgs.files (
  organization_id text NOT NULL REFERENCES orgs.organizations (id),
  workspace_id    text NOT NULL,
  -- As the upstream made it.
  id              text NOT NULL CHECK (id ~ '^[A-Za-z0-9_-]{1,200}$'),
  size_bytes      bigint NOT NULL CHECK (size_bytes >= 0),
  -- In milliseconds, so that a page can go on from a moment that was written down. Both times are
  -- real ones: files live by the upstream's clock.
  uploaded_at     timestamptz NOT NULL DEFAULT date_trunc('milliseconds', bursar.real_now()),
  expires_at      timestamptz,
  PRIMARY KEY (organization_id, workspace_id, id),
  FOREIGN KEY (organization_id, workspace_id) REFERENCES orgs.workspaces (organization_id, id)
);
CREATE INDEX files_newest_first ON orgs.files
  (organization_id, workspace_id, uploaded_at DESC, id DESC);

GRANT SELECT, INSERT, DELETE ON orgs.files TO bursar_app;
