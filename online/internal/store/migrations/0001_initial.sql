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
  maybe_signed         INTEGER NOT NULL CHECK (maybe_signed IN (0, 1)), -- a former pairing never answered for it
  asserted             INTEGER NOT NULL CHECK (asserted IN (0, 1)),
  txid                 TEXT NOT NULL,
  raw                  BLOB NOT NULL,
  confirmations        INTEGER NOT NULL CHECK (confirmations >= 0),
  code                 TEXT NOT NULL,
  reason               TEXT NOT NULL,
  noted                INTEGER NOT NULL,                   -- since when a row on its way has this code; 0 none
  bundle               INTEGER NOT NULL CHECK (bundle >= 0),
  deadline             INTEGER NOT NULL CHECK (deadline >= 0), -- Unix seconds from which on broadcasting does not begin; 0 none
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
-- Two rows with one transaction id are one payment.
CREATE UNIQUE INDEX transactions_txid ON transactions (network, txid) WHERE txid <> '' AND asserted = 0;

-- What was asked never changes, and what was sealed is never sealed again:
-- retries send identical bytes or nothing.
CREATE TRIGGER transactions_fixed
  BEFORE UPDATE OF n, id, tenant, chain, network, request, digest, deadline, created ON transactions
  BEGIN SELECT raise(ABORT, 'what was asked never changes'); END;
CREATE TRIGGER transactions_sealed
  BEFORE UPDATE OF txid, raw ON transactions
  WHEN OLD.txid <> '' AND (NEW.txid <> OLD.txid OR NEW.raw <> OLD.raw)
  BEGIN SELECT raise(ABORT, 'sealed bytes never change'); END;
-- A wish to cancel is never taken back: its nonce or outputs may be another's.
CREATE TRIGGER transactions_parked
  BEFORE UPDATE OF state, cancel_requested ON transactions
  WHEN OLD.cancel_requested AND (NOT NEW.cancel_requested OR NEW.state = 'broadcasting')
  BEGIN SELECT raise(ABORT, 'what was to be cancelled is never broadcast'); END;
CREATE TRIGGER transactions_doubted
  BEFORE UPDATE OF maybe_signed, state ON transactions
  WHEN OLD.maybe_signed AND (NOT NEW.maybe_signed OR NEW.state = 'cancelled')
  BEGIN SELECT raise(ABORT, 'what may be signed is never cancelled'); END;
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

-- A pairing epoch: one pair of device keys and its two sequences, which go on
-- whenever the two meet again.
CREATE TABLE epochs (
  n     INTEGER PRIMARY KEY AUTOINCREMENT,
  peer  BLOB NOT NULL CHECK (length(peer) = 32), -- the offline half's Ed25519 device key
  own   BLOB NOT NULL CHECK (length(own) = 32),  -- this half's
  since INTEGER NOT NULL,
  UNIQUE (peer, own)
) STRICT;

-- The epoch in force.
CREATE TABLE pairing (
  one   INTEGER PRIMARY KEY CHECK (one = 1),
  epoch INTEGER NOT NULL REFERENCES epochs (n)
) STRICT;

CREATE TABLE bundles (
  n         INTEGER PRIMARY KEY,
  epoch     INTEGER NOT NULL REFERENCES epochs (n),
  direction TEXT NOT NULL CHECK (direction IN ('in', 'out')),
  sequence  INTEGER NOT NULL CHECK (sequence > 0),
  digest    BLOB NOT NULL UNIQUE CHECK (length(digest) = 32), -- SHA-256 of raw
  raw       BLOB NOT NULL,
  at        INTEGER NOT NULL,
  UNIQUE (epoch, direction, sequence)
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
