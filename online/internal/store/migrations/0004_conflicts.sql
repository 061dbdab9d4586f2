-- Rows that compete on chain: each shares a nonce or an input with the root, the
-- first of them, so that at most one lands.
CREATE TABLE replacements (
  id      BLOB PRIMARY KEY REFERENCES transactions (id),
  root    BLOB NOT NULL REFERENCES transactions (id) CHECK (root <> id),
  cancels INTEGER NOT NULL CHECK (cancels IN (0, 1)) -- it pays nobody
) STRICT;
CREATE INDEX replacements_root ON replacements (root);

-- Complete rows that are looked at until no reorganization reaches them.
CREATE TABLE watches (
  id     BLOB PRIMARY KEY REFERENCES transactions (id),
  looked INTEGER NOT NULL
) STRICT;
CREATE INDEX watches_looked ON watches (looked);

-- Up to when a row on its way was looked for without a gap.
CREATE TABLE coverage (
  id BLOB PRIMARY KEY REFERENCES transactions (id),
  at INTEGER NOT NULL
) STRICT;

-- What may be signed is cancelled by proof alone: a conflicting transaction is
-- final.
DROP TRIGGER transactions_doubted;
CREATE TRIGGER transactions_doubted
  BEFORE UPDATE OF maybe_signed, state ON transactions
  WHEN OLD.maybe_signed AND (NOT NEW.maybe_signed OR NEW.state = 'cancelled' AND NEW.code <> 'chain.replaced')
  BEGIN SELECT raise(ABORT, 'what may be signed is never cancelled'); END;
DROP TRIGGER transactions_foreign;
CREATE TRIGGER transactions_foreign
  BEFORE UPDATE OF state, bundle, maybe_signed ON transactions
  WHEN OLD.signer = 'foreign' AND (NEW.bundle <> 0 OR NEW.maybe_signed OR NEW.state = 'refused'
    OR OLD.state NOT IN ('pending', NEW.state) AND (NEW.state = 'pending' OR NEW.state = 'cancelled' AND NEW.code <> 'chain.replaced'))
  BEGIN SELECT raise(ABORT, 'what another wallet has had may be signed'); END;
