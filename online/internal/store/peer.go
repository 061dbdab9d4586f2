package store

import (
	"context"
	"crypto/ed25519"
	"database/sql"
	"errors"

	"coldsign/online/internal/pending"
	"coldsign/shared/bundle"
	"coldsign/shared/fault"
)

// Pairing is what the two halves have in common. Sequences of bundles count from
// its beginning.
type Pairing struct {
	Epoch     int64
	Peer, Own ed25519.PublicKey // the device keys of the offline half and of this one
}

// Pairing gives the pairing in force, and whether there is one.
func (s *Store) Pairing(ctx context.Context) (Pairing, bool, error) {
	p, ok, err := findPairing(ctx, s.db)
	return p, ok, s.fail(err)
}

// Peer gives the paired offline half's device key, and whether there is one.
func (s *Store) Peer(ctx context.Context) (ed25519.PublicKey, bool, error) {
	p, ok, err := s.Pairing(ctx)
	return p.Peer, ok, err
}

func findPairing(ctx context.Context, q querier) (Pairing, bool, error) {
	return scanPairing(q.QueryRowContext(ctx, "SELECT e.n, e.peer, e.own FROM pairing p JOIN epochs e ON e.n = p.epoch"))
}

func scanPairing(row *sql.Row) (Pairing, bool, error) {
	var p Pairing
	var peer, own []byte
	err := row.Scan(&p.Epoch, &peer, &own)
	if errors.Is(err, sql.ErrNoRows) {
		return p, false, nil
	}
	p.Peer, p.Own = peer, own
	return p, err == nil, err
}

// needPairing gives the pairing in force, or pair.missing.
func needPairing(ctx context.Context, q querier) (Pairing, error) {
	p, ok, err := findPairing(ctx, q)
	if err == nil && !ok {
		err = fault.New("pair.missing", "run pair on both machines first", "no offline half is paired")
	}
	return p, err
}

// SetPeer pairs the offline half's device key with our own. Another offline half
// is only replaced on demand (else pair.exists). The pairing in force again is
// no change, on demand or not, as it is none for the offline half; but in either
// case it ends the stop after a rollback (see Judge), since people have compared
// the words again.
//
// Each pair of device keys has its own two sequences, on both halves: a pair that
// meets again goes on where it was, a new pair begins a new epoch.
//
// What the former pairing had not answered is recalled: it becomes pending, to be
// exported again, and is marked as perhaps signed. Its payload is the same, so at
// most one of two signatures of a payment can ever land. What other wallets sign
// stays as it is.
func (s *Store) SetPeer(ctx context.Context, peer, own ed25519.PublicKey, replace bool) error {
	if len(peer) != ed25519.PublicKeySize || len(own) != ed25519.PublicKeySize {
		return fault.New("pair.key", "", "device keys have %d and %d bytes, not %d", len(peer), len(own), ed25519.PublicKeySize)
	}
	return s.write(ctx, func(t *tx) error {
		now, paired, err := findPairing(t.ctx, t.sql)
		if err != nil {
			return err
		}
		if paired && !now.Peer.Equal(peer) && !replace {
			return errPaired(now.Peer)
		}
		if err := t.resume(peer); err != nil || paired && now.Peer.Equal(peer) && now.Own.Equal(own) {
			return err
		}
		if err := t.recall(); err != nil {
			return err
		}
		last, met, err := scanPairing(t.sql.QueryRowContext(t.ctx, "SELECT n, peer, own FROM epochs WHERE peer = ? AND own = ?", []byte(peer), []byte(own)))
		if err != nil {
			return err
		}
		if !met {
			if err := t.sql.QueryRowContext(t.ctx, "INSERT INTO epochs (peer, own, since) VALUES (?, ?, ?) RETURNING n",
				[]byte(peer), []byte(own), t.at.UnixMilli()).Scan(&last.Epoch); err != nil {
				return err
			}
		}
		if _, err := t.exec("INSERT INTO pairing (one, epoch) VALUES (1, ?) ON CONFLICT (one) DO UPDATE SET epoch = excluded.epoch", last.Epoch); err != nil {
			return err
		}
		return t.audit("pair", bundle.ID{}, "", "", bundle.IDOf(peer).String()+" with "+bundle.IDOf(own).String())
	})
}

func errPaired(old ed25519.PublicKey) error {
	return fault.New("pair.exists", "if that one is lost, pair again and say that it is to be replaced",
		"this half is paired with device %s already", bundle.IDOf(old))
}

// recall takes back what the former pairing has not answered. A signature of it
// may exist. What is to be cancelled stays as it is: nobody may export it again.
func (t *tx) recall() error {
	found, err := t.sql.QueryContext(t.ctx, "SELECT "+columns+" FROM transactions WHERE state = 'exported' AND signer = '' ORDER BY n")
	rows, err := all(found, err, scan)
	if err != nil {
		return err
	}
	for _, row := range rows {
		row.MaybeSigned = true
		if !row.CancelRequested {
			_, err = t.move(row, pending.Defer, nil)
		} else if err = t.update(&row); err == nil {
			err = t.audit("recall", row.ID, row.State, row.State, "")
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// putBack makes an exported row pending again, on the word of the half that had
// it that it signed nothing; or cancelled if that was wished. One that a former
// half may have signed is not cancelled.
func (t *tx) putBack(row pending.Transaction) error {
	row, err := t.move(row, pending.Defer, nil)
	if err == nil && row.CancelRequested && !row.MaybeSigned {
		_, err = t.move(row, pending.Cancel, nil)
	}
	return err
}
