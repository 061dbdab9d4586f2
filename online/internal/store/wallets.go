package store

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"strings"

	"github.com/fxamacker/cbor/v2"

	"coldsign/online/internal/pending"
	"coldsign/shared/bundle"
	"coldsign/shared/fault"
)

// PutWallets stores the public halves of the offline keystore, all or none. What
// is known of a wallet never changes (keys.conflict), save that more of its child
// keys may become known.
func (s *Store) PutWallets(ctx context.Context, ws []bundle.Wallet) error {
	return s.write(ctx, func(t *tx) error { return t.putWallets(ws, "") })
}

// PutForeign stores the public keys of other wallets by the same rules. A wallet
// never changes hands: one of the offline half is keys.conflict here, as one of
// these is for PutWallets.
func (s *Store) PutForeign(ctx context.Context, ws []bundle.Wallet) error {
	return s.write(ctx, func(t *tx) error { return t.putWallets(ws, pending.Foreign) })
}

func (t *tx) putWallets(ws []bundle.Wallet, signer string) error {
	for _, w := range ws {
		item, err := bundle.EncodeItem(w)
		if err != nil {
			return err
		}
		old, known, err := findWallet(t.ctx, t.sql, w.SignatureID)
		if err != nil {
			return err
		}
		if !known {
			_, err = t.exec("INSERT INTO wallets (id, item, created, updated, signer) VALUES (?, ?, ?, ?, ?)",
				w.SignatureID[:], item, t.at.UnixMilli(), t.at.UnixMilli(), signer)
			if err == nil {
				err = t.audit("wallet.import", bundle.ID{}, "", "", strings.TrimSpace(w.SignatureID.String()+" "+signer))
			}
			if err != nil {
				return err
			}
			continue
		}
		grows, err := extends(old, pending.Wallet{Wallet: w, Signer: signer})
		if err != nil {
			return err
		}
		if !grows {
			continue
		}
		if _, err := t.exec("UPDATE wallets SET item = ?, updated = ? WHERE id = ?", item, t.at.UnixMilli(), w.SignatureID[:]); err != nil {
			return err
		}
		if err := t.audit("wallet.extend", bundle.ID{}, "", "", w.SignatureID.String()); err != nil {
			return err
		}
	}
	return nil
}

// extends reports whether w is old with more child keys. It refuses one that
// differs in anything else.
func extends(old, w pending.Wallet) (bool, error) {
	if old.Signer != w.Signer {
		holder := "the paired offline half"
		if old.Signer == pending.Foreign {
			holder = "another wallet"
		}
		return false, fault.New("keys.conflict", "find out which of the two holds the keys: a signature id names one wallet for ever",
			"wallet %s is known here as one of %s", w.SignatureID, holder)
	}
	shared := min(len(old.Keys), len(w.Keys))
	more := len(w.Keys) > shared
	for i := range shared {
		if !bytes.Equal(old.Keys[i], w.Keys[i]) {
			return false, errWallet(w.SignatureID)
		}
	}
	w.Keys = old.Keys
	a, errA := bundle.EncodeItem(old.Wallet)
	b, errB := bundle.EncodeItem(w.Wallet)
	if err := errors.Join(errA, errB); err != nil || !bytes.Equal(a, b) {
		return false, errWallet(w.SignatureID)
	}
	return more, nil
}

// Conflicts gives a keys.conflict for each wallet of the offline half that is
// known with other keys, or as another's.
func (s *Store) Conflicts(ctx context.Context, ws []bundle.Wallet) (conflicts []error, err error) {
	for _, w := range ws {
		old, known, err := findWallet(ctx, s.db, w.SignatureID)
		if err != nil {
			return nil, s.fail(err)
		}
		if !known {
			continue
		}
		if _, err := extends(old, pending.Wallet{Wallet: w}); err != nil {
			conflicts = append(conflicts, err)
		}
	}
	return conflicts, nil
}

func errWallet(id bundle.SignatureID) error {
	return fault.New("keys.conflict", "find out which keystore is the right one: a signature id names one wallet for ever",
		"wallet %s is known here with other keys", id)
}

// Wallet gives the public half of one wallet, and whether it is known.
func (s *Store) Wallet(ctx context.Context, id bundle.SignatureID) (pending.Wallet, bool, error) {
	w, ok, err := findWallet(ctx, s.db, id)
	return w, ok, s.fail(err)
}

func findWallet(ctx context.Context, q querier, id bundle.SignatureID) (pending.Wallet, bool, error) {
	w, err := scanWallet(q.QueryRowContext(ctx, "SELECT item, signer FROM wallets WHERE id = ?", id[:]))
	if errors.Is(err, sql.ErrNoRows) {
		return pending.Wallet{}, false, nil
	}
	return w, err == nil, err
}

// Wallets gives every wallet, in the order of their ids.
func (s *Store) Wallets(ctx context.Context) ([]pending.Wallet, error) {
	rows, err := s.db.QueryContext(ctx, "SELECT item, signer FROM wallets ORDER BY id")
	list, err := all(rows, err, scanWallet)
	return list, s.fail(err)
}

// scanWallet reads an item back. It must still be what EncodeItem makes.
func scanWallet(from scanner) (w pending.Wallet, err error) {
	var item []byte
	if err := from.Scan(&item, &w.Signer); err != nil {
		return w, err
	}
	if err := cbor.Unmarshal(item, &w.Wallet); err != nil {
		return pending.Wallet{}, corrupt("a wallet has changed")
	}
	if again, err := bundle.EncodeItem(w.Wallet); err != nil || !bytes.Equal(again, item) {
		return pending.Wallet{}, corrupt("a wallet has changed")
	}
	return w, nil
}
