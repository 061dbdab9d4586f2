-- The same payment made anew: each row after the one (of) in whose place it is, root
-- being the first. A row has one successor at most.
CREATE TABLE requotes (
  id   BYTEA PRIMARY KEY REFERENCES transactions (id),
  of   BYTEA NOT NULL UNIQUE REFERENCES transactions (id) CHECK (of <> id),
  root BYTEA NOT NULL REFERENCES transactions (id) CHECK (root <> id)
);
CREATE INDEX requotes_root ON requotes (root);

CREATE TABLE verdicts (
  id    BYTEA PRIMARY KEY REFERENCES transactions (id),
  until BIGINT NOT NULL,
  told  TEXT NOT NULL
);
CREATE INDEX verdicts_held ON verdicts (until) WHERE told = '';
INSERT INTO verdicts (id, until, told)
  SELECT id, 0, 'failed' FROM transactions
  WHERE cancel_requested <> 0 AND code = 'deadline.passed' AND state IN ('pending', 'exported', 'signed');
