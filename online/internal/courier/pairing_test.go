package courier

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"coldsign/online/internal/store"
	"coldsign/shared/bundle"
	"coldsign/shared/chain"
	"coldsign/shared/chain/chaintest"
	"coldsign/shared/fault"
	"coldsign/shared/hd"
)

func wallet(id byte, name string) bundle.Wallet {
	return bundle.Wallet{SignatureID: bundle.SignatureID{id}, Chain: "SOL", Curve: chain.Ed25519, Key: chaintest.Ed25519Key(seed(name)).Bytes()}
}

func TestPairing(t *testing.T) {
	home := t.TempDir()
	s, err := store.Open(t.Context(), filepath.Join(home, "kms.db"), epochClock)
	ok(t, err)
	defer s.Close()
	dev, err := LoadOrCreateDevice(home)
	ok(t, err)
	ours, err := PairOut(dev)
	ok(t, err)
	again, err := PairOut(dev)
	ok(t, err)
	_, d, err := bundle.OpenPairing(ours)
	ok(t, err)
	if !bytes.Equal(ours, again) || d.Half != "online" || d.Key != [32]byte(dev.Public()) {
		t.Error("the pairing is not of this device, or not the same twice")
	}
	_, err = Export(t.Context(), s, dev, store.Selection{}, epoch)
	code(t, err, "pair.missing")
	_, err = ImportKeys(t.Context(), s, dev, []byte("x"))
	code(t, err, "pair.missing")

	off := newOffline("offline")
	words, confirm, err := PairIn(t.Context(), s, dev, off.pairing(t), false)
	ok(t, err)
	theirs := bundle.PairingWords(off.Public(), dev.Public())
	if got, want := strings.Join(words, " "), strings.Join(hd.Words(theirs[:], 6), " "); got != want || len(words) != 6 {
		t.Errorf("words %q, and the other screen shows %q", got, want)
	}
	if _, paired, _ := s.Peer(t.Context()); paired {
		t.Fatal("paired before people compared the words")
	}
	ok(t, confirm(t.Context()))
	if pub, _, _ := s.Peer(t.Context()); !pub.Equal(off.Public()) {
		t.Error("the other device is paired")
	}
	_, confirm, err = PairIn(t.Context(), s, dev, off.pairing(t), false) // the same again
	ok(t, err)
	ok(t, confirm(t.Context()))

	other := newOffline("other")
	_, _, err = PairIn(t.Context(), s, dev, other.pairing(t), false)
	code(t, err, "pair.exists")
	_, _, err = PairIn(t.Context(), s, dev, ours, false)
	code(t, err, "pair.half")
	_, _, err = PairIn(t.Context(), s, dev, other.pairingOf(t, "online"), true)
	code(t, err, "pair.half")
	_, _, err = PairIn(t.Context(), s, dev, ours[:len(ours)-1], true)
	code(t, err, "bundle.format")
	if pub, _, _ := s.Peer(t.Context()); !pub.Equal(off.Public()) {
		t.Error("a refused pairing changed the peer")
	}
	_, confirm, err = PairIn(t.Context(), s, dev, other.pairing(t), true)
	ok(t, err)
	ok(t, confirm(t.Context()))
	if pub, _, _ := s.Peer(t.Context()); !pub.Equal(other.Public()) {
		t.Error("the peer was not replaced")
	}
}

func TestImportKeys(t *testing.T) {
	w := newWorld(t)
	h := bundle.Header{Kind: bundle.Keys, Recipient: bundle.IDOf(w.dev.Public())}
	first := w.off.send(t, h, nil, wallet(1, "a"), wallet(2, "b"))
	for _, repeat := range []bool{false, true} {
		r, err := ImportKeys(t.Context(), w.s, w.dev, first)
		ok(t, err)
		if r.Repeat != repeat || r.Wallets != 2 || r.Sequence != 1 {
			t.Errorf("%+v", r)
		}
	}
	w.off.sent(first)
	_, err := Import(t.Context(), w.s, w.dev, w.registry, first)
	code(t, err, "bundle.kind")
	_, err = ImportKeys(t.Context(), w.s, w.dev, newOffline("x").send(t, h, nil, wallet(3, "c")))
	code(t, err, "bundle.sender")

	// A changed key is refused; the others and the sequence go on.
	second := w.off.send(t, h, nil, wallet(3, "c"), wallet(1, "changed"), wallet(4, "d"))
	r, err := ImportKeys(t.Context(), w.s, w.dev, second)
	code(t, err, "keys.conflict")
	w.off.sent(second)
	known, err := w.s.Wallets(t.Context())
	ok(t, err)
	if r.Wallets != 2 || len(known) != 4 || !bytes.Equal(known[0].Key, wallet(1, "a").Key) {
		t.Errorf("%d imported, %d known", r.Wallets, len(known))
	}
	// Keys and receipts share one sequence.
	w.pay(t)
	e := w.export(t)
	if r := w.take(t, w.receipts(t, e.Raw, nil, w.answers(t, e.Raw)...)); r.Sequence != 3 || r.Items[0].Status != StatusSigned {
		t.Errorf("%+v", r)
	}
}

func TestDevice(t *testing.T) {
	home := filepath.Join(t.TempDir(), "new")
	var wait sync.WaitGroup
	devices := make([]*Device, 8)
	for i := range devices {
		wait.Go(func() {
			var err error
			if devices[i], err = LoadOrCreateDevice(home); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	for _, d := range devices {
		if !d.Public().Equal(devices[0].Public()) {
			t.Fatal("two processes made two keys")
		}
	}
	path := filepath.Join(home, deviceFile)
	info, err := os.Stat(path)
	ok(t, err)
	files, err := os.ReadDir(home)
	ok(t, err)
	if info.Mode().Perm() != 0o600 || len(files) != 1 {
		t.Errorf("mode %o, %d files", info.Mode().Perm(), len(files))
	}
	sound, err := os.ReadFile(path)
	ok(t, err)
	for name, c := range map[string]struct {
		spoil func() error
		code  string
	}{
		"short":     {func() error { return os.WriteFile(path, sound[:len(sound)-3], 0o600) }, "device.format"},
		"long":      {func() error { return os.WriteFile(path, append(bytes.Clone(sound), '\n'), 0o600) }, "device.format"},
		"case":      {func() error { return os.WriteFile(path, bytes.ToUpper(sound), 0o600) }, "device.format"},
		"empty":     {func() error { return os.WriteFile(path, nil, 0o600) }, "device.format"},
		"readable":  {func() error { return errors.Join(os.WriteFile(path, sound, 0o600), os.Chmod(path, 0o640)) }, "device.mode"},
		"directory": {func() error { return os.Mkdir(path, 0o700) }, "device.mode"},
		"link":      {func() error { return errors.Join(os.WriteFile(home+"/real", sound, 0o600), os.Symlink("real", path)) }, "device.read"},
		"hanging":   {func() error { return os.Symlink("nowhere", path) }, "device.read"},
	} {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
		ok(t, c.spoil())
		if _, err := LoadOrCreateDevice(home); !fault.Is(err, c.code) {
			t.Errorf("%s: %v (%s), want %s", name, err, fault.Code(err), c.code)
		}
	}
	ok(t, os.Remove(path))
	ok(t, os.WriteFile(path, sound, 0o600))
	d, err := LoadOrCreateDevice(home)
	ok(t, err)
	if !d.Public().Equal(devices[0].Public()) {
		t.Error("the key changed")
	}
	_, err = LoadOrCreateDevice(path) // a file, not a folder
	if fault.Code(err) == "internal" {
		t.Errorf("%v", err)
	}
}
