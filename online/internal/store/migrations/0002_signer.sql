-- Who signs: '' the paired offline half, 'foreign' another wallet, which takes
-- requests one at a time and gives signatures back, and nothing else.
ALTER TABLE wallets ADD COLUMN signer TEXT NOT NULL DEFAULT '' CHECK (signer IN ('', 'foreign'));
ALTER TABLE transactions ADD COLUMN signer TEXT NOT NULL DEFAULT '' CHECK (signer IN ('', 'foreign'));

CREATE INDEX transactions_signer ON transactions (state, n) WHERE signer = 'foreign';

CREATE TRIGGER wallets_fixed
  BEFORE UPDATE OF id, signer ON wallets
  BEGIN SELECT raise(ABORT, 'a wallet never changes hands'); END;
CREATE TRIGGER transactions_signer_fixed
  BEFORE UPDATE OF signer ON transactions
  BEGIN SELECT raise(ABORT, 'a transaction never changes hands'); END;
-- Another wallet gives no receipts, so nothing proves that it has not signed.
CREATE TRIGGER transactions_foreign
  BEFORE UPDATE OF state, bundle, maybe_signed ON transactions
  WHEN OLD.signer = 'foreign' AND (NEW.bundle <> 0 OR NEW.maybe_signed OR NEW.state = 'refused'
    OR OLD.state NOT IN ('pending', NEW.state) AND NEW.state IN ('pending', 'cancelled'))
  BEGIN SELECT raise(ABORT, 'what another wallet has had may be signed'); END;

-- Answers of other wallets that were not used: a signature may be among them.
CREATE TABLE quarantined (
  id     BLOB NOT NULL REFERENCES transactions (id),
  digest BLOB NOT NULL CHECK (length(digest) = 32), -- SHA-256 of answer
  answer BLOB NOT NULL,                             -- the PSBT or transaction, or the CBOR of a receipt with the signatures
  code   TEXT NOT NULL,
  reason TEXT NOT NULL,
  at     INTEGER NOT NULL,
  PRIMARY KEY (id, digest)
) STRICT;
