-- Which installation the database is of. The file beside it has the same token:
-- of a copy that was taken away alone there is none.
CREATE TABLE installation (
  one   INTEGER PRIMARY KEY CHECK (one = 1),
  token BLOB NOT NULL CHECK (length(token) = 16),
  since INTEGER NOT NULL,
  moved TEXT NOT NULL DEFAULT '' -- to which database server, without a password; '' it is here
) STRICT;
