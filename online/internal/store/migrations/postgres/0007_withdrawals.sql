-- Payments that leave an account of the application: each is made by one row at a time.
CREATE TABLE withdrawals (
  tenant  TEXT NOT NULL,
  id      TEXT NOT NULL,
  row     BYTEA NOT NULL REFERENCES transactions (id),
  deleted BIGINT NOT NULL DEFAULT 0 CHECK (deleted IN (0, 1)),
  kept    BIGINT NOT NULL DEFAULT 0 CHECK (kept IN (0, deleted)),
  PRIMARY KEY (tenant, id)
);
INSERT INTO withdrawals (tenant, id, row)
  SELECT tenant, lower(withdrawal_id), id FROM transactions WHERE withdrawal_id <> '' ORDER BY n DESC ON CONFLICT DO NOTHING;
