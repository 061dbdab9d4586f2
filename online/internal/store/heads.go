package store

import (
	"context"
	"crypto/ed25519"
	"database/sql"
	"errors"

	"coldsign/shared/bundle"
	"coldsign/shared/fault"
)

// JournalHead gives the last entry of its journal that the paired offline half
// told this half; zero when it told none.
func (s *Store) JournalHead(ctx context.Context) (bundle.Head, error) {
	p, err := needPairing(ctx, s.db)
	if err != nil {
		return bundle.Head{}, s.fail(err)
	}
	h, err := journalHead(ctx, s.db, p.Peer)
	return h, s.fail(err)
}

func journalHead(ctx context.Context, q querier, peer ed25519.PublicKey) (bundle.Head, error) {
	var h bundle.Head
	var hash []byte
	err := q.QueryRowContext(ctx, "SELECT number, hash FROM heads WHERE peer = ? ORDER BY number DESC LIMIT 1", []byte(peer)).Scan(&h.Number, &hash)
	if errors.Is(err, sql.ErrNoRows) {
		return bundle.Head{}, nil
	}
	copy(h.Hash[:], hash)
	return h, err
}

const backCure = "bring its newest copy back and pair both halves once more; if that is lost, restore a backup as a new device and pair that one with --replace"

// wentBack refuses a bundle that shows that the offline half's journal was put back
// to an older copy, or that there are two. The bundle that told the last head was
// released by the entry after it, so every later one tells a later head. order is
// what the place of the bundle among the others says: of a fork, the same.
func wentBack(ctx context.Context, q querier, p Pairing, h bundle.Head, order error) error {
	last, err := journalHead(ctx, q, p.Peer)
	switch {
	case err != nil || last.Number == 0:
		return err
	case h.Number == 0:
		return fault.New("import.rollback", backCure, "this bundle tells no entry of the offline half's journal, and an earlier one told entry %d", last.Number)
	case h.Number <= last.Number:
		return fault.New("import.rollback", backCure, "the offline half's journal went back: this bundle was made after entry %d, and an earlier one after entry %d", h.Number, last.Number)
	case fault.Is(order, "bundle.fork"):
		return fault.New("import.rollback", backCure, "the offline half's journal went back: this bundle does not follow those that came before it")
	}
	return nil
}

// stopped refuses all exchange with an offline half whose journal went back.
func stopped(ctx context.Context, q querier, p Pairing) error {
	var n int
	if err := q.QueryRowContext(ctx, "SELECT count(*) FROM rollbacks WHERE peer = ? AND over = 0", []byte(p.Peer)).Scan(&n); err != nil || n == 0 {
		return err
	}
	return fault.New("pair.stopped", backCure, "a bundle of the offline half showed that its journal went back, so nothing goes to it or is taken from it")
}

// keepRefused keeps a bundle that shows that the journal went back. From now on the
// half that made it is stopped.
func (t *tx) keepRefused(raw []byte, digest [32]byte, why error) error {
	p, err := needPairing(t.ctx, t.sql)
	if err != nil {
		return err
	}
	if _, err := t.exec("INSERT INTO rollbacks (digest, peer, raw, at) VALUES (?, ?, ?, ?) ON CONFLICT (digest) DO UPDATE SET over = 0",
		digest[:], []byte(p.Peer), raw, t.at.UnixMilli()); err != nil {
		return err
	}
	return t.audit("rollback", bundle.ID{}, "", "", why.Error())
}

// resume ends the stop of an offline half that people have just paired.
func (t *tx) resume(peer ed25519.PublicKey) error {
	n, err := t.exec("UPDATE rollbacks SET over = ? WHERE peer = ? AND over = 0", t.at.UnixMilli(), []byte(peer))
	if err != nil || n == 0 {
		return err
	}
	return t.audit("rollback.over", bundle.ID{}, "", "", bundle.IDOf(peer).String())
}
