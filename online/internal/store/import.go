package store

import (
	"context"
	"database/sql"
	"errors"

	"coldsign/online/internal/pending"
	"coldsign/shared/bundle"
	"coldsign/shared/fault"
)

// Outcome is what became of one item of an incoming bundle.
type Outcome struct {
	ID     bundle.ID
	Status string // "signed", "refused", "deferred", "quarantined"
	Code   string // why it is not signed
	Reason string // in words, printable ASCII
	TxID   string // of a signed one
}

// ImportTx is the transaction of one Import.
type ImportTx struct {
	t      *tx
	bundle int64
}

// Judge places a verified incoming bundle: the next one, or a repeat. One that
// shows that the offline half's journal went back is kept, is import.rollback, and
// stops that half: pair.stopped, until SetPeer. Nothing else changes; Import judges
// again.
func (s *Store) Judge(ctx context.Context, raw []byte, h bundle.Header, digest [32]byte) (bundle.Verdict, error) {
	v, err := judge(ctx, s.db, h, digest)
	if !fault.Is(err, "import.rollback") {
		return v, s.fail(err)
	}
	// It was read piece by piece. Between them another process may have imported this
	// very bundle, or one after it: then it is a repeat, and no journal went back.
	kept := s.write(ctx, func(t *tx) error {
		if v, err = judge(t.ctx, t.sql, h, digest); fault.Is(err, "import.rollback") {
			return t.keepRefused(raw, digest, err)
		}
		return nil
	})
	if kept != nil {
		return 0, kept
	}
	return v, s.fail(err)
}

func judge(ctx context.Context, q querier, h bundle.Header, digest [32]byte) (bundle.Verdict, error) {
	p, err := needPairing(ctx, q)
	if err != nil {
		return 0, err
	}
	if h.Sender != bundle.IDOf(p.Peer) {
		return 0, fault.New("bundle.sender", "pair the two devices again if this one is yours", "the bundle is from device %s, which is not the paired one", h.Sender)
	}
	if err := former(ctx, q, p.Epoch, digest); err != nil {
		return 0, err
	}
	head, err := channel(ctx, q, p.Epoch, "in")
	if err != nil {
		return 0, err
	}
	var failed error
	verdict, err := head.Judge(h, digest, func(seq uint64) (known [32]byte, ok bool) {
		var b []byte
		switch err := q.QueryRowContext(ctx, "SELECT digest FROM bundles WHERE epoch = ? AND direction = 'in' AND sequence = ?", p.Epoch, int64(seq)).Scan(&b); {
		case errors.Is(err, sql.ErrNoRows):
			return known, false
		case err != nil:
			failed = err
			return known, false
		}
		return [32]byte(b), true
	})
	if failed != nil {
		return 0, failed
	}
	if verdict == bundle.Repeat {
		return verdict, nil
	}
	// First, since a fork and a gap may come of it.
	if back := wentBack(ctx, q, p, h.Head, err); back != nil {
		return 0, back
	}
	if err == nil {
		err = stopped(ctx, q, p)
	}
	return verdict, err
}

// Import takes a verified bundle of the paired offline half: it judges its place
// in the order, stores it as the head of its channel, and calls apply, all in one
// transaction. A bundle that was imported before is a repeat: nothing happens.
func (s *Store) Import(ctx context.Context, raw []byte, h bundle.Header, digest [32]byte, apply func(*ImportTx) error) (repeat bool, err error) {
	err = s.write(ctx, func(t *tx) error {
		verdict, err := judge(t.ctx, t.sql, h, digest)
		if err != nil {
			return err
		}
		if verdict != bundle.New {
			repeat = true
			return nil
		}
		p, err := needPairing(t.ctx, t.sql)
		if err != nil {
			return err
		}
		n, err := t.keepBundle(p.Epoch, "in", h.Sequence, digest, raw)
		if err != nil {
			return err
		}
		if h.Head.Number > 0 {
			if _, err := t.exec("INSERT INTO heads (bundle, peer, number, hash) VALUES (?, ?, ?, ?)", n, []byte(p.Peer), int64(h.Head.Number), h.Head.Hash[:]); err != nil {
				return err
			}
		}
		if err := t.audit("import", bundle.ID{}, "", "", h.Kind.String()); err != nil {
			return err
		}
		return apply(&ImportTx{t, n})
	})
	return repeat, err
}

// Row gives a row of any tenant, and whether there is one.
func (x *ImportTx) Row(id bundle.ID) (pending.Transaction, bool, error) {
	row, err := x.t.load(Any, id)
	if fault.Is(err, "kms.missing") {
		return row, false, nil
	}
	return row, err == nil, err
}

// Move takes the row through one event, as Store.Move does.
func (x *ImportTx) Move(row pending.Transaction, e pending.Event, change func(*pending.Transaction) error) error {
	_, err := x.t.move(row, e, change)
	return err
}

// PutBack makes an exported row pending again, on the word of the half that had
// it; one whose cancelling was requested is cancelled, since it has no signature.
func (x *ImportTx) PutBack(row pending.Transaction) error { return x.t.putBack(row) }

// PutWallets is Store.PutWallets within the import.
func (x *ImportTx) PutWallets(ws []bundle.Wallet) error { return x.t.putWallets(ws, "") }

// Record keeps what became of an item. A quarantined one is told in the audit.
func (x *ImportTx) Record(item int, o Outcome) error {
	if _, err := x.t.exec("INSERT INTO outcomes (bundle, item, id, status, code, reason, txid) VALUES (?, ?, ?, ?, ?, ?, ?)",
		x.bundle, item, o.ID[:], o.Status, o.Code, o.Reason, o.TxID); err != nil {
		return err
	}
	if o.Status != "quarantined" {
		return nil
	}
	return x.t.audit("quarantine", o.ID, "", "", o.Code)
}

// Outcomes gives what became of the items of an incoming bundle, in their order.
func (s *Store) Outcomes(ctx context.Context, digest [32]byte) ([]Outcome, error) {
	rows, err := s.db.QueryContext(ctx, `SELECT o.id, o.status, o.code, o.reason, o.txid FROM outcomes o JOIN bundles b ON b.n = o.bundle
 WHERE b.digest = ? AND b.direction = 'in' ORDER BY o.item`, digest[:])
	list, err := all(rows, err, func(from scanner) (o Outcome, err error) {
		var id []byte
		err = from.Scan(&id, &o.Status, &o.Code, &o.Reason, &o.TxID)
		copy(o.ID[:], id)
		return o, err
	})
	return list, s.fail(err)
}
