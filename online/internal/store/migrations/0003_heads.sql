-- What each incoming bundle told of the offline half's journal. One journal may
-- tell it to several keys of ours, so the order is that of the offline half.
CREATE TABLE heads (
  bundle INTEGER PRIMARY KEY REFERENCES bundles (n),
  peer   BLOB NOT NULL CHECK (length(peer) = 32),
  number INTEGER NOT NULL CHECK (number > 0),      -- of the entry
  hash   BLOB NOT NULL CHECK (length(hash) = 32),  -- of its body
  UNIQUE (peer, number)
) STRICT;
CREATE TRIGGER heads_rise
  BEFORE INSERT ON heads
  WHEN EXISTS (SELECT 1 FROM heads WHERE peer = NEW.peer AND number >= NEW.number)
  BEGIN SELECT raise(ABORT, 'a journal never goes back'); END;

-- Bundles that were refused because the journal went back: evidence, and a stop
-- for that offline half until people pair it once more.
CREATE TABLE rollbacks (
  digest BLOB PRIMARY KEY CHECK (length(digest) = 32), -- SHA-256 of raw
  peer   BLOB NOT NULL CHECK (length(peer) = 32),
  raw    BLOB NOT NULL,
  at     INTEGER NOT NULL,
  over   INTEGER NOT NULL DEFAULT 0                    -- when they were paired again; 0: the stop is in force
) STRICT;
