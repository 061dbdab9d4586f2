CREATE TABLE upstream (
  id      BYTEA PRIMARY KEY CHECK (length(id) = 12),
  made    BYTEA UNIQUE REFERENCES transactions (id),
  network TEXT NOT NULL,
  content BYTEA NOT NULL CHECK (length(content) = 32),
  code    TEXT NOT NULL,
  reason  TEXT NOT NULL,
  changed BYTEA NOT NULL DEFAULT '',
  told    TEXT NOT NULL DEFAULT '' CHECK (told IN ('', 'complete', 'failed')),
  txid    TEXT NOT NULL DEFAULT '',
  looked  BIGINT NOT NULL DEFAULT 0,
  created BIGINT NOT NULL
);
CREATE INDEX upstream_told ON upstream (told, looked);

CREATE TABLE approvals (
  id      BYTEA PRIMARY KEY REFERENCES transactions (id),
  digest  BYTEA NOT NULL CHECK (length(digest) = 32),
  kind    TEXT NOT NULL CHECK (kind IN ('verdict', 'compat')),
  verdict BYTEA NOT NULL,
  at      BIGINT NOT NULL
);
