package store

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"database/sql"
	"errors"

	"coldsign/online/internal/pending"
	"coldsign/shared/bundle"
	"coldsign/shared/fault"
)

// Peer gives the paired offline half's device key, and whether there is one.
func (s *Store) Peer(ctx context.Context) (ed25519.PublicKey, bool, error) {
	pub, ok, err := findPeer(ctx, s.db)
	return pub, ok, s.fail(err)
}

func findPeer(ctx context.Context, q querier) (ed25519.PublicKey, bool, error) {
	var pub []byte
	err := q.QueryRowContext(ctx, "SELECT key FROM peer").Scan(&pub)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, false, nil
	}
	return pub, err == nil, err
}

// needPeer gives the paired device, or pair.missing.
func needPeer(ctx context.Context, q querier) (bundle.DeviceID, error) {
	pub, ok, err := findPeer(ctx, q)
	if err == nil && !ok {
		err = fault.New("pair.missing", "run pair on both machines first", "no offline half is paired")
	}
	if err != nil {
		return bundle.DeviceID{}, err
	}
	return bundle.IDOf(pub), nil
}

// SetPeer stores the offline half's device key. Another one is only replaced on
// demand (else pair.exists). Then what the former half had not answered becomes
// pending again, to be exported to the new one; its payloads are the same, so at
// most one of two signatures of a payment can ever land. What was to be cancelled
// is, since no receipt of it is accepted any more.
func (s *Store) SetPeer(ctx context.Context, pub ed25519.PublicKey, replace bool) error {
	if len(pub) != ed25519.PublicKeySize {
		return fault.New("pair.key", "", "a device key has %d bytes, not %d", ed25519.PublicKeySize, len(pub))
	}
	return s.write(ctx, func(t *tx) error {
		old, ok, err := findPeer(t.ctx, t.sql)
		if err != nil || ok && bytes.Equal(old, pub) {
			return err
		}
		if ok && !replace {
			return errPaired(old)
		}
		if ok {
			if err := t.recall(); err != nil {
				return err
			}
		}
		if _, err := t.exec("INSERT INTO peer (one, key, since) VALUES (1, ?, ?) ON CONFLICT (one) DO UPDATE SET key = excluded.key, since = excluded.since",
			[]byte(pub), t.at.UnixMilli()); err != nil {
			return err
		}
		return t.audit("pair", bundle.ID{}, "", "", bundle.IDOf(pub).String())
	})
}

func errPaired(old ed25519.PublicKey) error {
	return fault.New("pair.exists", "if that one is lost, pair again and say that it is to be replaced",
		"this half is paired with device %s already", bundle.IDOf(old))
}

// recall takes back what the former offline half has not answered.
func (t *tx) recall() error {
	found, err := t.sql.QueryContext(t.ctx, "SELECT "+columns+" FROM transactions WHERE state = 'exported' ORDER BY n")
	rows, err := all(found, err, scan)
	if err != nil {
		return err
	}
	for _, row := range rows {
		if err := t.putBack(row); err != nil {
			return err
		}
	}
	return nil
}

// putBack makes an exported row pending again, or cancelled if that was wished.
func (t *tx) putBack(row pending.Transaction) error {
	cancel := row.CancelRequested
	row, err := t.move(row, pending.Defer, nil)
	if err == nil && cancel {
		_, err = t.move(row, pending.Cancel, nil)
	}
	return err
}
