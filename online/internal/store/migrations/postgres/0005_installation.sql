CREATE TABLE installation (
  one   BIGINT PRIMARY KEY CHECK (one = 1),
  token BYTEA NOT NULL CHECK (length(token) = 16),
  since BIGINT NOT NULL,
  moved TEXT NOT NULL DEFAULT ''
);
