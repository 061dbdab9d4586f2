package store

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"math"
	"time"

	"coldsign/online/internal/pending"
	"coldsign/shared/bundle"
	"coldsign/shared/fault"
)

// Selection chooses what to export. Empty fields choose everything pending.
type Selection struct {
	Chain string
	IDs   []bundle.ID
	Limit int // most rows; 0 as many as one bundle holds

	// Until and Count are what somebody was shown of Exportable: no row with a higher
	// number is chosen, and when more rows fit than were counted it is export.changed.
	// 0 means that nobody was shown anything.
	Until, Count int64
}

// exportable is the condition of rows that the offline half signs and that may leave.
const exportable = "state = 'pending' AND signer = '' AND cancel_requested = 0 AND (deadline = 0 OR deadline > ?)"

// Exportable counts the rows after a number that an export of everything would take, or
// leave for approvals, and gives the highest number among them.
func (s *Store) Exportable(ctx context.Context, after int64) (count, last int64, err error) {
	err = s.db.QueryRowContext(ctx, "SELECT count(*), coalesce(max(n), 0) FROM transactions WHERE "+exportable+" AND n > ?", s.now().Unix(), after).Scan(&count, &last)
	return count, last, s.fail(err)
}

// SealFunc makes the bundle with the given sequence, digest of the bundle before
// it and time (Unix seconds).
type SealFunc func(sequence uint64, previous [32]byte, created int64, rows []pending.Transaction) ([]byte, error)

// recent is the condition of rows that name a recent blockhash.
const recent = "network LIKE 'solana:%' AND NOT EXISTS (SELECT 1 FROM reservations r WHERE r.id = transactions.id AND r.key LIKE 'nonce:%')"

// soonest sorts rows by when they end. What names a recent blockhash, and no durable
// nonce, ends about a minute after it was made, whatever deadline it has.
const soonest = "CASE WHEN " + recent + " AND (deadline = 0 OR deadline > created / 1000 + 60) THEN created / 1000 + 60 WHEN deadline = 0 THEN 9007199254740991 ELSE deadline END"

const (
	itemOverhead   = 16      // bytes that an item takes beyond its own
	bundleOverhead = 1 << 16 // bytes of a bundle beyond its items
)

// Export makes the next outgoing bundle. In one transaction it chooses pending
// rows, calls seal, stores the bundle and marks the rows exported; only then does
// it give the bytes, so that no byte leaves before the database knows. When
// nothing selected is pending, it gives the last bundle that holds unanswered
// rows of the selection again, byte for byte (repeat), else export.empty.
// Without a paired offline half it is pair.missing, and pair.stopped when that
// half's journal went back. Rows whose deadline has
// passed are not exported: they are cancelled, since nothing of them ever left.
// Those that end soonest come first, what has a recent blockhash before all. Where approvals are required, those that lack
// one are asked for first, and rows without one stay. Rows that another wallet signs
// are ExportForeign's.
func (s *Store) Export(ctx context.Context, sel Selection, seal SealFunc) (raw []byte, seq uint64, repeat bool, err error) {
	if err := s.writeBeside(ctx, (*tx).lapse); err != nil {
		return nil, 0, false, err
	}
	if err := s.ask(ctx, sel, ""); err != nil {
		return nil, 0, false, err
	}
	err = s.writeBeside(ctx, func(t *tx) error {
		repeat = false
		if err := t.queue(); err != nil {
			return err
		}
		p, err := needPairing(t.ctx, t.sql)
		if err != nil {
			return err
		}
		if err := stopped(t.ctx, t.sql, p); err != nil {
			return err
		}
		rows, earlier, err := t.choose(sel)
		if err != nil {
			return err
		}
		if earlier != 0 {
			seq, repeat = earlier, true
			raw, err = outgoing(t.ctx, t.sql, p.Epoch, seq)
			return err
		}
		head, err := channel(t.ctx, t.sql, p.Epoch, "out")
		if err != nil {
			return err
		}
		seq = head.Sequence + 1
		if raw, err = seal(seq, head.Last, t.at.Unix(), rows); err != nil {
			return err
		}
		if _, err := t.keepBundle(p.Epoch, "out", seq, sha256.Sum256(raw), raw); err != nil {
			return err
		}
		for _, row := range rows {
			if _, err := t.move(row, pending.Export, func(p *pending.Transaction) error { p.Bundle = seq; return nil }); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, 0, false, err
	}
	return raw, seq, repeat, nil
}

// queue lets one export at a time go on, in all processes: bundles have one order.
// Imports and pairing, which change it too, are alone anyway.
func (t *tx) queue() error {
	var epoch int64
	err := t.sql.QueryRowContext(t.ctx, "SELECT epoch FROM pairing /* FOR UPDATE */").Scan(&epoch)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	return err
}

// choose gives the rows to export, or the sequence of the bundle to repeat.
func (t *tx) choose(sel Selection) (rows []pending.Transaction, earlier uint64, err error) {
	if len(sel.IDs) > 0 {
		return t.chooseNamed(sel)
	}
	limit := sel.Limit
	if limit <= 0 || limit > bundle.MaxItems {
		limit = bundle.MaxItems
	}
	if sel.Until > 0 {
		var count int64
		if err := t.row("SELECT count(*) FROM transactions WHERE "+exportable+" AND n <= ?", t.at.Unix(), sel.Until).Scan(&count); err != nil {
			return nil, 0, err
		}
		if count > sel.Count {
			return nil, 0, fault.New("export.changed", "look at the list as it is now, and send that", "%d transactions are pending where %d were shown", count, sel.Count)
		}
	}
	query, args := "SELECT "+columns+" FROM transactions WHERE "+exportable, []any{t.at.Unix()}
	again, againArgs := "SELECT coalesce(max(bundle), 0) FROM transactions WHERE state = 'exported' AND signer = '' AND cancel_requested = 0", []any(nil)
	if sel.Chain != "" {
		query, args = query+" AND chain = ?", append(args, sel.Chain)
		again, againArgs = again+" AND chain = ?", append(againArgs, sel.Chain)
	}
	if sel.Until > 0 {
		query, args = query+" AND n <= ?", append(args, sel.Until)
		again, againArgs = again+" AND n <= ?", append(againArgs, sel.Until)
	}
	if t.gated {
		query += " AND NOT " + unapproved
	}
	found, err := t.sql.QueryContext(t.ctx, query+" ORDER BY "+soonest+", n LIMIT ? /* FOR NO KEY UPDATE SKIP LOCKED */", append(args, limit)...)
	if err != nil {
		return nil, 0, err
	}
	defer found.Close()
	for size := bundleOverhead; found.Next(); {
		row, err := scan(found)
		if err != nil {
			return nil, 0, err
		}
		if size += len(row.Request) + itemOverhead; size > bundle.MaxFile {
			break // the rest goes into the next bundle
		}
		rows = append(rows, row)
	}
	if err := found.Err(); err != nil || len(rows) > 0 {
		return rows, 0, err
	}
	if err := t.sql.QueryRowContext(t.ctx, again, againArgs...).Scan(&earlier); err != nil {
		return nil, 0, err
	}
	if earlier == 0 {
		if err := t.held(sel.Chain); err != nil {
			return nil, 0, err
		}
		return nil, 0, fault.New("export.empty", "", "there is nothing to export")
	}
	return nil, earlier, nil
}

// chooseNamed gives the named rows: all pending, or all in one unanswered bundle.
func (t *tx) chooseNamed(sel Selection) (rows []pending.Transaction, earlier uint64, err error) {
	if len(sel.IDs) > bundle.MaxItems || sel.Limit > 0 && len(sel.IDs) > sel.Limit {
		return nil, 0, fault.New("export.limit", "", "%d transactions are named, which is more than the limit", len(sel.IDs))
	}
	seen := make(map[bundle.ID]bool, len(sel.IDs))
	for _, id := range sel.IDs {
		if seen[id] {
			continue
		}
		seen[id] = true
		row, err := t.load(Any, id)
		if err != nil {
			return nil, 0, err
		}
		unfit := func(why string) error {
			return fault.New("export.state", "", "transaction %s %s", id, why)
		}
		switch {
		case row.Signer == pending.Foreign:
			return nil, 0, fault.New("export.state", "export it with --format ur", "transaction %s belongs to another wallet", id)
		case sel.Chain != "" && row.Chain != sel.Chain:
			return nil, 0, unfit("is of another chain")
		case row.CancelRequested:
			return nil, 0, unfit("is to be cancelled")
		case row.State == pending.Pending && row.Late(t.at), row.State == pending.Cancelled && row.Code == passed:
			return nil, 0, fault.New("export.state", "quote it anew: coldsign-online requote "+id.String(), "transaction %s is past its deadline", id)
		case row.State == pending.Pending && earlier == 0:
			rows = append(rows, row)
		case row.State == pending.Exported && len(rows) == 0 && (earlier == 0 || earlier == row.Bundle):
			earlier = row.Bundle
		case row.State == pending.Pending || row.State == pending.Exported:
			return nil, 0, unfit("is not in the same bundle as the others")
		default:
			return nil, 0, unfit("is " + string(row.State))
		}
	}
	return rows, earlier, nil
}

// lapse ends the pending rows whose deadline has passed. What a former offline
// half may have signed is parked instead.
func (t *tx) lapse() error {
	_, err := t.lapsed()
	return err
}

// Lapse is what Export does first: it ends the rows that can no longer make it, and
// gives them.
func (s *Store) Lapse(ctx context.Context) (late []bundle.ID, err error) {
	err = s.writeBeside(ctx, func(t *tx) error {
		late, err = t.lapsed()
		return err
	})
	return late, err
}

func (t *tx) lapsed() (late []bundle.ID, err error) {
	found, err := t.sql.QueryContext(t.ctx, "SELECT "+columns+" FROM transactions WHERE state = 'pending' AND cancel_requested = 0 AND CASE WHEN deadline = 0 THEN 1 ELSE 0 END = 0 AND deadline <= ? ORDER BY n /* FOR NO KEY UPDATE SKIP LOCKED */", t.at.Unix())
	rows, err := all(found, err, scan)
	if err != nil {
		return nil, err
	}
	for _, row := range rows {
		row.Code, row.Reason = whyLate(&row)
		if row.MaybeSigned {
			err = t.park(row, row.Code)
		} else {
			_, err = t.move(row, pending.Cancel, nil)
		}
		if err != nil {
			return nil, err
		}
		late = append(late, row.ID)
	}
	return late, nil
}

// Bundle gives an outgoing bundle to the present offline half again.
func (s *Store) Bundle(ctx context.Context, seq uint64) ([]byte, error) {
	p, err := needPairing(ctx, s.db)
	if err != nil {
		return nil, s.fail(err)
	}
	if err := stopped(ctx, s.db, p); err != nil {
		return nil, s.fail(err)
	}
	raw, err := outgoing(ctx, s.db, p.Epoch, seq)
	return raw, s.fail(err)
}

// BundleMark gives the SHA-256 of an outgoing bundle of this pairing, and when it was
// made: the time of its rows' entries in the audit. A bundle can have 256 MiB, of which
// nothing is read.
func (s *Store) BundleMark(ctx context.Context, seq uint64) (digest [32]byte, at time.Time, err error) {
	var sum []byte
	var made int64
	err = s.db.QueryRowContext(ctx, "SELECT digest, at FROM bundles WHERE epoch = (SELECT epoch FROM pairing) AND direction = 'out' AND sequence = ?",
		int64(min(seq, math.MaxInt64))).Scan(&sum, &made)
	if errors.Is(err, sql.ErrNoRows) {
		err = fault.New("export.missing", "", "bundle %d was not made here", seq)
	}
	copy(digest[:], sum)
	return digest, fromMillis(made), s.fail(err)
}

// BundleByDigest gives the outgoing bundle of this pairing with the digest, and
// whether there is one.
func (s *Store) BundleByDigest(ctx context.Context, digest [32]byte) (raw []byte, ok bool, err error) {
	err = s.db.QueryRowContext(ctx, "SELECT raw FROM bundles WHERE digest = ? AND direction = 'out' AND epoch = (SELECT epoch FROM pairing)", digest[:]).Scan(&raw)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, false, nil
	}
	if err == nil && sha256.Sum256(raw) != digest {
		err = corrupt("an exported bundle has changed")
	}
	return raw, err == nil, s.fail(err)
}

// outgoing reads a bundle back, and compares it with its digest: a repeat is
// byte-identical or does not happen.
func outgoing(ctx context.Context, q querier, epoch int64, seq uint64) ([]byte, error) {
	var raw, digest []byte
	err := q.QueryRowContext(ctx, "SELECT raw, digest FROM bundles WHERE epoch = ? AND direction = 'out' AND sequence = ?",
		epoch, int64(min(seq, math.MaxInt64))).Scan(&raw, &digest)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, fault.New("export.missing", "", "bundle %d was not made here", seq)
	}
	if err != nil {
		return nil, err
	}
	if sum := sha256.Sum256(raw); string(sum[:]) != string(digest) {
		return nil, corrupt("an exported bundle has changed")
	}
	return raw, nil
}

// keepBundle stores a bundle, which becomes the head of its channel.
func (t *tx) keepBundle(epoch int64, direction string, seq uint64, digest [32]byte, raw []byte) (n int64, err error) {
	if err := former(t.ctx, t.sql, epoch, digest); err != nil {
		return 0, err
	}
	err = t.sql.QueryRowContext(t.ctx, "INSERT INTO bundles (epoch, direction, sequence, digest, raw, at) VALUES (?, ?, ?, ?, ?, ?) RETURNING n",
		epoch, direction, int64(seq), digest[:], raw, t.at.UnixMilli()).Scan(&n)
	return n, err
}

// former refuses a bundle of another pairing: what was sent or taken then is
// neither sent nor taken again.
func former(ctx context.Context, q querier, epoch int64, digest [32]byte) error {
	var n int
	if err := q.QueryRowContext(ctx, "SELECT count(*) FROM bundles WHERE digest = ? AND epoch <> ?", digest[:], epoch).Scan(&n); err != nil || n == 0 {
		return err
	}
	return fault.New("bundle.former", "make a new one", "this bundle belongs to a former pairing")
}

// channel gives the head of one direction of the pairing.
func channel(ctx context.Context, q querier, epoch int64, direction string) (bundle.Channel, error) {
	var c bundle.Channel
	var digest []byte
	err := q.QueryRowContext(ctx, "SELECT sequence, digest FROM bundles WHERE epoch = ? AND direction = ? ORDER BY sequence DESC LIMIT 1",
		epoch, direction).Scan(&c.Sequence, &digest)
	if errors.Is(err, sql.ErrNoRows) {
		return bundle.Channel{}, nil
	}
	copy(c.Last[:], digest)
	return c, err
}

// OutChannel gives the head of the bundles to the paired offline half.
func (s *Store) OutChannel(ctx context.Context) (bundle.Channel, error) { return s.head(ctx, "out") }

// InChannel gives the head of the bundles from the paired offline half.
func (s *Store) InChannel(ctx context.Context) (bundle.Channel, error) { return s.head(ctx, "in") }

func (s *Store) head(ctx context.Context, direction string) (bundle.Channel, error) {
	p, err := needPairing(ctx, s.db)
	if err != nil {
		return bundle.Channel{}, s.fail(err)
	}
	c, err := channel(ctx, s.db, p.Epoch, direction)
	return c, s.fail(err)
}
