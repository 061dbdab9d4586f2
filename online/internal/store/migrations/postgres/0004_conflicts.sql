-- Rows that compete on chain: each shares a nonce or an input with the root, the
-- first of them, so that at most one lands.
CREATE TABLE replacements (
  id      BYTEA PRIMARY KEY REFERENCES transactions (id),
  root    BYTEA NOT NULL REFERENCES transactions (id) CHECK (root <> id),
  cancels BIGINT NOT NULL CHECK (cancels IN (0, 1))
);
CREATE INDEX replacements_root ON replacements (root);

CREATE TABLE watches (
  id     BYTEA PRIMARY KEY REFERENCES transactions (id),
  looked BIGINT NOT NULL
);
CREATE INDEX watches_looked ON watches (looked);

CREATE TABLE coverage (
  id BYTEA PRIMARY KEY REFERENCES transactions (id),
  at BIGINT NOT NULL
);

DROP TRIGGER transactions_doubted ON transactions;
CREATE TRIGGER transactions_doubted BEFORE UPDATE OF maybe_signed, state ON transactions FOR EACH ROW
  WHEN (OLD.maybe_signed = 1 AND (NEW.maybe_signed = 0 OR NEW.state = 'cancelled' AND NEW.code <> 'chain.replaced'))
  EXECUTE FUNCTION coldsign_refuse('what may be signed is never cancelled');
DROP TRIGGER transactions_foreign ON transactions;
CREATE TRIGGER transactions_foreign BEFORE UPDATE OF state, bundle, maybe_signed ON transactions FOR EACH ROW
  WHEN (OLD.signer = 'foreign' AND (NEW.bundle <> 0 OR NEW.maybe_signed = 1 OR NEW.state = 'refused'
    OR OLD.state NOT IN ('pending', NEW.state) AND (NEW.state = 'pending' OR NEW.state = 'cancelled' AND NEW.code <> 'chain.replaced')))
  EXECUTE FUNCTION coldsign_refuse('what another wallet has had may be signed');
