-- Times are Unix milliseconds UTC. Lists are JSON arrays of strings.

CREATE TABLE api_keys (
  id      TEXT PRIMARY KEY,
  name    TEXT NOT NULL,
  tenant  TEXT NOT NULL CHECK (tenant NOT IN ('', '*')),
  scopes  TEXT NOT NULL,
  digest  BLOB NOT NULL CHECK (length(digest) = 32), -- SHA-256 of the key
  created INTEGER NOT NULL,
  revoked INTEGER NOT NULL DEFAULT 0                 -- 0: valid
) STRICT;

-- The public halves of the offline keystore, as the keys bundle gave them.
CREATE TABLE wallets (
  id      BLOB PRIMARY KEY CHECK (length(id) = 16),
  item    BLOB NOT NULL,
  created INTEGER NOT NULL,
  updated INTEGER NOT NULL
) STRICT;

CREATE TABLE transactions (
  n                    INTEGER PRIMARY KEY AUTOINCREMENT, -- order of arrival
  id                   BLOB NOT NULL UNIQUE CHECK (length(id) = 12),
  tenant               TEXT NOT NULL CHECK (tenant NOT IN ('', '*')),
  chain                TEXT NOT NULL,
  network              TEXT NOT NULL,
  hashes               TEXT NOT NULL,
  child                INTEGER,                            -- derivation index
  signatures           TEXT NOT NULL,
  serialized           TEXT NOT NULL,
  withdrawal_id        TEXT NOT NULL,
  withdrawal_responses TEXT NOT NULL,
  request              BLOB NOT NULL,
  digest               BLOB NOT NULL CHECK (length(digest) = 32), -- SHA-256 of request
  state                TEXT NOT NULL CHECK (state IN ('pending', 'exported', 'signed', 'broadcasting', 'broadcast',
                         'complete', 'cancelled', 'refused', 'expired', 'failed')),
  cancel_requested     INTEGER NOT NULL CHECK (cancel_requested IN (0, 1)),
  asserted             INTEGER NOT NULL CHECK (asserted IN (0, 1)),
  txid                 TEXT NOT NULL,
  raw                  BLOB NOT NULL,
  confirmations        INTEGER NOT NULL CHECK (confirmations >= 0),
  code                 TEXT NOT NULL,
  reason               TEXT NOT NULL,
  bundle               INTEGER NOT NULL CHECK (bundle >= 0),
  created              INTEGER NOT NULL,
  updated              INTEGER NOT NULL,
  looked               INTEGER NOT NULL DEFAULT 0          -- when the broadcaster last looked it up
) STRICT;

-- Partial, so that a million finished rows cost the list of open ones nothing.
CREATE INDEX transactions_open ON transactions (tenant, chain, n)
  WHERE state IN ('pending', 'exported', 'signed', 'broadcasting');
CREATE INDEX transactions_due ON transactions (looked, n)
  WHERE state IN ('signed', 'broadcasting', 'broadcast');
CREATE INDEX transactions_out ON transactions (bundle) WHERE state = 'exported';
CREATE INDEX transactions_state ON transactions (state, n);

-- What was asked never changes, and what was sealed is never sealed again:
-- retries send identical bytes or nothing.
CREATE TRIGGER transactions_fixed
  BEFORE UPDATE OF n, id, tenant, chain, network, request, digest, created ON transactions
  BEGIN SELECT raise(ABORT, 'what was asked never changes'); END;
CREATE TRIGGER transactions_sealed
  BEFORE UPDATE OF txid, raw ON transactions
  WHEN OLD.txid <> '' AND (NEW.txid <> OLD.txid OR NEW.raw <> OLD.raw)
  BEGIN SELECT raise(ABORT, 'sealed bytes never change'); END;
CREATE TRIGGER transactions_kept
  BEFORE DELETE ON transactions
  BEGIN SELECT raise(ABORT, 'a transaction is never deleted'); END;

CREATE TABLE idempotency (
  tenant TEXT NOT NULL,
  key    TEXT NOT NULL,
  body   BLOB NOT NULL CHECK (length(body) = 32), -- SHA-256 of what was submitted
  id     BLOB NOT NULL REFERENCES transactions (id),
  PRIMARY KEY (tenant, key)
) STRICT, WITHOUT ROWID;

-- One live row at most uses a nonce or an output up.
CREATE TABLE reservations (
  network TEXT NOT NULL,
  key     TEXT NOT NULL,
  id      BLOB NOT NULL REFERENCES transactions (id),
  PRIMARY KEY (network, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX reservations_id ON reservations (id);

CREATE TABLE peer (
  one   INTEGER PRIMARY KEY CHECK (one = 1),
  key   BLOB NOT NULL CHECK (length(key) = 32), -- the offline half's Ed25519 device key
  since INTEGER NOT NULL
) STRICT;

CREATE TABLE bundles (
  n         INTEGER PRIMARY KEY,
  peer      BLOB NOT NULL CHECK (length(peer) = 16), -- device id of the other half
  direction TEXT NOT NULL CHECK (direction IN ('in', 'out')),
  sequence  INTEGER NOT NULL CHECK (sequence > 0),
  digest    BLOB NOT NULL UNIQUE CHECK (length(digest) = 32), -- SHA-256 of raw
  raw       BLOB NOT NULL,
  at        INTEGER NOT NULL,
  UNIQUE (peer, direction, sequence)
) STRICT;

-- What became of each item of an incoming bundle.
CREATE TABLE outcomes (
  bundle INTEGER NOT NULL REFERENCES bundles (n),
  item   INTEGER NOT NULL,
  id     BLOB NOT NULL,
  status TEXT NOT NULL,
  code   TEXT NOT NULL,
  reason TEXT NOT NULL,
  txid   TEXT NOT NULL,
  PRIMARY KEY (bundle, item)
) STRICT, WITHOUT ROWID;

CREATE TABLE audit (
  n      INTEGER PRIMARY KEY AUTOINCREMENT,
  at     INTEGER NOT NULL,
  actor  TEXT NOT NULL,
  action TEXT NOT NULL,
  id     BLOB,          -- of the transaction, if one changed
  before TEXT NOT NULL, -- its states
  after  TEXT NOT NULL,
  detail TEXT NOT NULL
) STRICT;
CREATE INDEX audit_id ON audit (id, n) WHERE id IS NOT NULL;
CREATE TRIGGER audit_fixed BEFORE UPDATE ON audit BEGIN SELECT raise(ABORT, 'the audit never changes'); END;
CREATE TRIGGER audit_kept BEFORE DELETE ON audit BEGIN SELECT raise(ABORT, 'the audit is never deleted'); END;
