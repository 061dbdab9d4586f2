-- The same payment made anew: each row after the one (of) in whose place it is, root
-- being the first. A row has one successor at most.
CREATE TABLE requotes (
  id   BLOB PRIMARY KEY REFERENCES transactions (id),
  of   BLOB NOT NULL UNIQUE REFERENCES transactions (id) CHECK (of <> id),
  root BLOB NOT NULL REFERENCES transactions (id) CHECK (root <> id)
) STRICT;
CREATE INDEX requotes_root ON requotes (root);

-- What was told of the end of a payment, under the first of its rows: 'failed', or the
-- transaction that has paid it. Before until nothing is told of a failure that may
-- still be mended.
CREATE TABLE verdicts (
  id    BLOB PRIMARY KEY REFERENCES transactions (id),
  until INTEGER NOT NULL,
  told  TEXT NOT NULL
) STRICT;
CREATE INDEX verdicts_held ON verdicts (until) WHERE told = '';
INSERT INTO verdicts (id, until, told)
  SELECT id, 0, 'failed' FROM transactions
  WHERE cancel_requested <> 0 AND code = 'deadline.passed' AND state IN ('pending', 'exported', 'signed');
