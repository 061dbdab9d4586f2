-- Keys of the API may end by themselves. 0: never.
ALTER TABLE api_keys ADD COLUMN expires INTEGER NOT NULL DEFAULT 0;

-- Who is told what, and the key that what he is told is signed with. The server
-- that has the subscription until held (its clock) tells him.
CREATE TABLE subscriptions (
  id      TEXT PRIMARY KEY NOT NULL,
  tenant  TEXT NOT NULL CHECK (tenant NOT IN ('', '*')),
  type    TEXT NOT NULL CHECK (type IN ('KMS_COMPLETED_TX', 'KMS_FAILED_TX', 'KMS_REORGED_TX')),
  url     TEXT NOT NULL,
  secret  BLOB NOT NULL CHECK (length(secret) = 32),
  created INTEGER NOT NULL,
  removed INTEGER NOT NULL DEFAULT 0,
  holder  TEXT NOT NULL DEFAULT '',
  held    INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE UNIQUE INDEX subscriptions_once ON subscriptions (tenant, type, url) WHERE removed = 0;

-- A tenant's own key for x-payload-hash.
CREATE TABLE payload_keys (
  tenant TEXT PRIMARY KEY NOT NULL,
  secret TEXT NOT NULL CHECK (secret <> '')
) STRICT;

-- What is told, written with the change that it tells of.
CREATE TABLE events (
  n            INTEGER PRIMARY KEY AUTOINCREMENT,
  id           TEXT NOT NULL UNIQUE,
  subscription TEXT NOT NULL REFERENCES subscriptions (id),
  row          BLOB NOT NULL REFERENCES transactions (id),
  body         TEXT NOT NULL,
  state        TEXT NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'delivered', 'dead', 'dropped')),
  attempts     INTEGER NOT NULL DEFAULT 0,
  due          INTEGER NOT NULL,
  answer       TEXT NOT NULL DEFAULT '',
  at           INTEGER NOT NULL,
  done         INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX events_waiting ON events (subscription, due) WHERE state = 'waiting';
CREATE INDEX events_row ON events (row, subscription, n);
CREATE INDEX events_done ON events (done) WHERE state = 'delivered';
