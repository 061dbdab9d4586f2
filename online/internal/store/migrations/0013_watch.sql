-- What was complete before schema 4 knew of watches, or ended by a stranger's
-- transaction, is looked at again: what is deep enough, or old, once.
INSERT INTO watches (id, looked)
  SELECT id, 0 FROM transactions
  WHERE txid <> '' AND asserted = 0 AND (state = 'complete' OR state = 'failed' AND code = 'chain.conflict')
    AND updated > (SELECT max(updated) FROM transactions) - 604800000
  ON CONFLICT DO NOTHING;
