-- The order in which rows leave: what ends soonest first, what never ends last.
CREATE INDEX transactions_next ON transactions (CASE WHEN deadline = 0 THEN 1 ELSE 0 END, deadline, n) WHERE state = 'pending';
