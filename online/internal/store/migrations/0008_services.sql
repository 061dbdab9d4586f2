-- What an upstream account has listed, once each, under the upstream's own id. It is
-- made with its row, so that no id makes two.
CREATE TABLE upstream (
  id      BLOB PRIMARY KEY CHECK (length(id) = 12),
  made    BLOB UNIQUE REFERENCES transactions (id), -- NULL: refused, and no row was made
  network TEXT NOT NULL,
  content BLOB NOT NULL CHECK (length(content) = 32), -- SHA-256 of the record as it was first listed
  code    TEXT NOT NULL,                            -- why it was refused
  reason  TEXT NOT NULL,
  changed BLOB NOT NULL DEFAULT x'',                -- SHA-256 of other content that was listed under the id
  told    TEXT NOT NULL DEFAULT '' CHECK (told IN ('', 'complete', 'failed')), -- what the upstream knows
  txid    TEXT NOT NULL DEFAULT '',                 -- of what it was told is complete
  looked  INTEGER NOT NULL DEFAULT 0,               -- when it was last told
  created INTEGER NOT NULL
) STRICT;
CREATE INDEX upstream_told ON upstream (told, looked);

-- What an approval service has said yes to. It holds for these bytes alone.
CREATE TABLE approvals (
  id      BLOB PRIMARY KEY REFERENCES transactions (id),
  digest  BLOB NOT NULL CHECK (length(digest) = 32), -- that of the request
  kind    TEXT NOT NULL CHECK (kind IN ('verdict', 'compat')),
  verdict BLOB NOT NULL,                            -- the answer as it came
  at      INTEGER NOT NULL
) STRICT;
