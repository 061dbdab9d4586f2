-- What a hot signer has signed through the API, in place of a half that a bundle
-- goes to, and the last error that it reported: its words, which change nothing.
ALTER TABLE transactions ADD COLUMN hot BIGINT NOT NULL DEFAULT 0 CHECK (hot IN (0, 1));
ALTER TABLE transactions ADD COLUMN report TEXT NOT NULL DEFAULT '';
ALTER TABLE transactions ADD COLUMN reported BIGINT NOT NULL DEFAULT 0;

CREATE TRIGGER transactions_hot BEFORE UPDATE OF hot, state, bundle, signer ON transactions FOR EACH ROW
  WHEN (OLD.hot <> 0 AND (NEW.hot = 0 OR NEW.state IN ('pending', 'exported', 'refused')) OR NEW.hot <> 0 AND OLD.hot = 0 AND OLD.state <> 'pending'
    OR NEW.hot <> 0 AND (NEW.bundle <> 0 OR NEW.maybe_signed <> 0 OR NEW.signer <> ''))
  EXECUTE FUNCTION coldsign_refuse('what has left is signed by nobody else');
