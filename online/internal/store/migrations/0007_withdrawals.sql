-- Payments that leave an account of the application: each is made by one row at a
-- time. kept says of a row that was deleted with revert=false that the application
-- does not take the withdrawal back.
CREATE TABLE withdrawals (
  tenant  TEXT NOT NULL,
  id      TEXT NOT NULL,
  row     BLOB NOT NULL REFERENCES transactions (id),
  deleted INTEGER NOT NULL DEFAULT 0 CHECK (deleted IN (0, 1)),
  kept    INTEGER NOT NULL DEFAULT 0 CHECK (kept IN (0, deleted)),
  PRIMARY KEY (tenant, id)
) STRICT;
INSERT INTO withdrawals (tenant, id, row)
  SELECT tenant, lower(withdrawal_id), id FROM transactions WHERE withdrawal_id <> '' ORDER BY n DESC ON CONFLICT DO NOTHING;
