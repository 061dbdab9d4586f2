-- What a hot signer has signed through the API, in place of a half that a bundle
-- goes to, and the last error that it reported: its words, which change nothing.
ALTER TABLE transactions ADD COLUMN hot INTEGER NOT NULL DEFAULT 0 CHECK (hot IN (0, 1));
ALTER TABLE transactions ADD COLUMN report TEXT NOT NULL DEFAULT '';
ALTER TABLE transactions ADD COLUMN reported INTEGER NOT NULL DEFAULT 0;

CREATE TRIGGER transactions_hot
  BEFORE UPDATE OF hot, state, bundle, signer ON transactions
  WHEN OLD.hot AND (NOT NEW.hot OR NEW.state IN ('pending', 'exported', 'refused')) OR NEW.hot AND NOT OLD.hot AND OLD.state <> 'pending'
    OR NEW.hot AND (NEW.bundle <> 0 OR NEW.maybe_signed OR NEW.signer <> '')
  BEGIN SELECT raise(ABORT, 'what has left is signed by nobody else'); END;
