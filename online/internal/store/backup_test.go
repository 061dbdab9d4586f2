package store

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"coldsign/online/internal/pending"
)

// TestBackupRestores: what a backup holds comes back, in a database that is its own
// installation and is paired with nobody; what was exported is asked for again.
func TestBackupRestores(t *testing.T) {
	dir := t.TempDir()
	s := openAt(t, filepath.Join(dir, "kms.db"))
	ok(t, s.SetPeer(t.Context(), peerKey(1), ownKey, false))
	one, two := put(t, s, number(1)), put(t, s, number(2))
	export(t, s, Selection{Limit: 1})
	copied := filepath.Join(dir, "copy.db")
	ok(t, s.Backup(t.Context(), copied))
	put(t, s, number(3)) // after it: not in the copy
	code(t, s.Backup(t.Context(), copied), "file.exists")

	restored := filepath.Join(dir, "restored.db")
	ok(t, Restore(t.Context(), copied, restored, fixed))
	code(t, Restore(t.Context(), copied, restored, fixed), "store.exists")
	r := openAt(t, restored)
	if _, paired, err := r.Pairing(t.Context()); paired || err != nil {
		t.Errorf("paired %v, %v", paired, err)
	}
	list, err := r.List(t.Context(), Filter{Tenant: Any})
	ok(t, err)
	if len(list) != 2 || list[0].State != pending.Exported || !bytes.Equal(list[0].Request, one.Request) || !bytes.Equal(list[1].Request, two.Request) {
		t.Fatalf("%+v", list)
	}
	if _, _, _, err := r.Export(t.Context(), Selection{}, seal); err == nil {
		t.Error("exported to nobody")
	}
	ok(t, r.SetPeer(t.Context(), peerKey(1), peerKey(201), false))
	if got := get(t, r, one.ID); got.State != pending.Pending || !got.MaybeSigned {
		t.Errorf("what was out: %+v", got)
	}
	if _, seq, repeat := export(t, r, Selection{}); seq != 1 || repeat {
		t.Errorf("bundle %d, again %v", seq, repeat)
	}
	put(t, r, number(3))
	entries, err := r.Audit(t.Context(), number(0).ID, 0, 1000)
	ok(t, err)
	for i, e := range entries {
		if e.Action == "restore" {
			return
		}
		if i == len(entries)-1 {
			t.Error("the audit does not tell of the restoring")
		}
	}
}

// TestRestoredHot: a row that was pending when the backup was made may be paid since by
// what a hot signer made. What names a recent blockhash would be signed with another
// one and paid twice, so that no hot signer is heard about it; of the others the two
// conflict on chain.
func TestRestoredHot(t *testing.T) {
	for name, bring := range map[string]func(t *testing.T, copied, to string) *Store{
		"restored": func(t *testing.T, copied, to string) *Store {
			ok(t, Restore(t.Context(), copied, to, fixed))
			return openAt(t, to)
		},
		"adopted": func(t *testing.T, copied, _ string) *Store {
			r := openAt(t, copied)
			_, err := r.HandIn(t.Context(), "a", number(1).ID, handed(1, "y"))
			code(t, err, "store.copied")
			done, err := r.Adopt(t.Context(), false)
			if ok(t, err); !done {
				t.Fatal("not adopted")
			}
			return r
		},
	} {
		t.Run(name, func(t *testing.T) { restoredHot(t, bring) })
	}
}

func restoredHot(t *testing.T, bring func(t *testing.T, copied, to string) *Store) {
	dir := t.TempDir()
	s := openAt(t, filepath.Join(dir, "kms.db"))
	release := serves(t, s)
	solana := func(p *pending.Transaction) { p.Chain, p.Network = "SOL", "solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp" }
	durable := func(p *pending.Transaction) { p.Reserve = []string{"nonce:abc:1"} }
	other := put(t, s, number(1))
	recent := put(t, s, number(2, solana))
	lasting := put(t, s, number(3, solana, durable))
	copied := filepath.Join(dir, "copy.db")
	ok(t, s.Backup(t.Context(), copied))
	_, err := s.HandIn(t.Context(), "a", recent.ID, handed(2, "x"))
	ok(t, err)
	release()
	ok(t, s.Close()) // it is gone

	r := bring(t, copied, filepath.Join(dir, "restored.db"))
	_, err = r.HandIn(t.Context(), "a", recent.ID, handed(2, "y"))
	code(t, err, "state.conflict")
	if got := get(t, r, recent.ID); got.State != pending.Pending || !got.MaybeSigned || len(got.Raw) != 0 {
		t.Errorf("%+v", got)
	}
	for n, row := range []*pending.Transaction{other, lasting} {
		_, err = r.HandIn(t.Context(), "a", row.ID, handed(10+n, "y"))
		ok(t, err)
	}
	ok(t, r.SetPeer(t.Context(), peerKey(1), peerKey(201), false))
	export(t, r, Selection{}) // its own blockhash, and no other
	put(t, r, number(4, solana))
	_, err = r.HandIn(t.Context(), "a", number(4).ID, handed(4, "y"))
	ok(t, err)
}

// TestBackupRefuses: what is no sound copy becomes no database, and leaves nothing.
func TestBackupRefuses(t *testing.T) {
	dir := t.TempDir()
	s := openAt(t, filepath.Join(dir, "kms.db"))
	for n := range 200 {
		put(t, s, number(n+1))
	}
	copied := filepath.Join(dir, "copy.db")
	ok(t, s.Backup(t.Context(), copied))
	whole, err := os.ReadFile(copied)
	ok(t, err)
	if info, err := os.Stat(copied); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	for name, c := range map[string]struct {
		raw  []byte
		code string
	}{
		"cut":     {whole[:len(whole)/2], "store.corrupt"},
		"foreign": {[]byte("SQLite format 3\x00"), "store.corrupt"},
		"damaged": {damage(whole), "store.corrupt"},
	} {
		t.Run(name, func(t *testing.T) {
			bad, at := filepath.Join(t.TempDir(), "bad.db"), filepath.Join(t.TempDir(), "kms.db")
			ok(t, os.WriteFile(bad, c.raw, 0o600))
			code(t, Restore(t.Context(), bad, at, fixed), c.code)
			left, err := os.ReadDir(filepath.Dir(at))
			ok(t, err)
			if len(left) != 0 {
				t.Errorf("left %v", left)
			}
		})
	}
	code(t, Restore(t.Context(), filepath.Join(dir, "none.db"), filepath.Join(dir, "x.db"), fixed), "file.read")
	code(t, Restore(t.Context(), dir, filepath.Join(dir, "x.db"), fixed), "file.read")
}

// damage overwrites the header of the last page: the latest rows are lost, the
// schema is not.
func damage(raw []byte) []byte {
	raw = bytes.Clone(raw)
	copy(raw[(len(raw)-1)&^4095:], bytes.Repeat([]byte{0xff}, 64))
	return raw
}

// TestATT104DamagedIsOnlyRead: a damaged database is refused, and opens for reading on
// demand; nothing changes it then, and no server lease can be had.
func TestATT104DamagedIsOnlyRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "kms.db")
	s := openAt(t, path)
	for n := range 200 {
		put(t, s, number(n+1))
	}
	ok(t, s.checkpoint(t.Context()))
	ok(t, s.Close())
	raw, err := os.ReadFile(path)
	ok(t, err)
	ok(t, os.WriteFile(path, damage(raw), 0o600))
	_, why := Open(t.Context(), path, fixed)
	code(t, why, "store.corrupt")
	d, err := OpenDamaged(t.Context(), path, fixed, why)
	ok(t, err)
	defer d.Close()
	if d.Damaged() == nil {
		t.Error("it counts as sound")
	}
	code(t, d.Ping(t.Context()), "store.corrupt")
	if got, err := d.Get(t.Context(), Any, number(1).ID); err != nil || got.State != pending.Pending {
		t.Errorf("what is whole is not read: %+v, %v", got, err)
	}
	_, err = d.Create(t.Context(), number(999), Idempotency{})
	code(t, err, "store.corrupt")
	_, err = d.Cancel(t.Context(), "a", number(1).ID)
	code(t, err, "store.corrupt")
	_, err = d.Serve(t.Context())
	code(t, err, "store.corrupt")
	after, err := os.ReadFile(path)
	ok(t, err)
	if !bytes.Equal(after, damage(raw)) {
		t.Error("the file changed")
	}
}
