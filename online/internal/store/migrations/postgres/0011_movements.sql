-- What each row pays, read from its request once, so that the desk can search, sort
-- and sum. It is derived: nothing is signed or sent by it.
CREATE TABLE movements (
  n         BIGINT NOT NULL REFERENCES transactions (n),
  k         BIGINT NOT NULL,                         -- 0 is the first payment of the row
  asset     TEXT COLLATE "C" NOT NULL,
  symbol    TEXT NOT NULL,
  decimals  BIGINT NOT NULL,
  amount    TEXT COLLATE "C" NOT NULL CHECK (length(amount) = 80), -- base units, with leading zeros: sorts as a number
  recipient TEXT COLLATE "C" NOT NULL,
  PRIMARY KEY (n, k)
);
CREATE INDEX movements_amount ON movements (asset, amount, n);
CREATE INDEX movements_recipient ON movements (recipient, n);

-- One for each row that was read, whatever it pays.
CREATE TABLE summaries (
  n         BIGINT PRIMARY KEY REFERENCES transactions (n),
  payments  BIGINT NOT NULL,
  requester TEXT NOT NULL,
  note      TEXT NOT NULL
);

-- The wallets of a row.
CREATE TABLE signers (
  wallet TEXT COLLATE "C" NOT NULL,
  n      BIGINT NOT NULL REFERENCES transactions (n),
  PRIMARY KEY (wallet, n)
);

CREATE INDEX transactions_chain ON transactions (chain, n);
CREATE INDEX transactions_found ON transactions (txid COLLATE "C") WHERE txid <> '';
CREATE INDEX transactions_ends ON transactions (deadline, n) WHERE deadline > 0;
