package journal

import (
	"bytes"
	"crypto/ed25519"
	"encoding/binary"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"

	"coldsign/shared/bundle"
	"coldsign/shared/fault"
)

// device is a Signer in memory.
type device struct{ key ed25519.PrivateKey }

func (d device) Public() ed25519.PublicKey      { return d.key.Public().(ed25519.PublicKey) }
func (d device) Sign(m []byte) ([]byte, error)  { return ed25519.Sign(d.key, m), nil }
func newDevice(b byte) device                   { return device{ed25519.NewKeyFromSeed(bytes.Repeat([]byte{b}, 32))} }
func create(t testing.TB) (string, *Journal)    { return createIn(t, t.TempDir()) }
func path(home string) string                   { return filepath.Join(home, File) }
func head(home string) string                   { return filepath.Join(home, HeadFile) }
func decided(id byte, s bundle.Status) Decision { return decision(id, 0xd0, s) }

func createIn(t testing.TB, home string) (string, *Journal) {
	t.Helper()
	j, err := Create(home, newDevice(1), 1767225600)
	if err != nil {
		t.Fatal(err)
	}
	return home, j
}

func decision(id, digest byte, s bundle.Status) Decision {
	d := Decision{ID: bundle.ID{id}, Digest: [32]byte{digest}, Status: s}
	if s != bundle.Signed {
		d.Code, d.Reason = "policy.opaque", "because"
	}
	return d
}

func add(t testing.TB, j *Journal, e Entry) Entry {
	t.Helper()
	e.Time = 1767225700
	e, err := j.Append(newDevice(1), e)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func signing(seq uint64, digest byte, ds ...Decision) Entry {
	return Entry{Kind: Decided, Out: &Channel{Sequence: seq, Previous: [32]byte{byte(seq - 1)}, Created: 5},
		Sign: &Signing{Bundle: [32]byte{digest}, Sequence: seq, Decisions: ds}}
}

// small makes a journal of one entry of each kind.
func small(t testing.TB) (string, *Journal) {
	home, j := create(t)
	add(t, j, Entry{Kind: Wallet, Text: "new 6ba7b810-9dad-41d1-80b4-00c04fd430c8"})
	add(t, j, Entry{Kind: Pair, Data: newDevice(2).Public()})
	add(t, j, Entry{Kind: Keys, Out: &Channel{Sequence: 1, Created: 4}})
	add(t, j, Entry{Kind: Policy, Text: "strict"})
	add(t, j, Entry{Kind: Seen, Data: bytes.Repeat([]byte{7}, 32)})
	add(t, j, signing(2, 0xb1, decided(1, bundle.Signed), decided(2, bundle.Refused)))
	return home, j
}

func read(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func write(t testing.TB, name string, b []byte) {
	t.Helper()
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// offsets gives where each entry starts, and the end.
func offsets(t testing.TB, raw []byte) []int {
	t.Helper()
	offs := []int{len(magic)}
	for at := len(magic); at < len(raw); {
		at += 4 + int(binary.BigEndian.Uint32(raw[at:])) + 64
		offs = append(offs, at)
	}
	if offs[len(offs)-1] != len(raw) {
		t.Fatal("the journal does not end where its last entry ends")
	}
	return offs
}

func TestRoundTrip(t *testing.T) {
	home, j := small(t)
	for _, dev := range []ed25519.PublicKey{nil, newDevice(1).Public()} {
		again, err := Open(home, dev)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(again.Entries(), j.Entries()) || len(again.Entries()) != 7 {
			t.Errorf("read %v, wrote %v", again.Entries(), j.Entries())
		}
		n, last := again.Head()
		n2, last2 := j.Head()
		if n != 7 || n != n2 || last != last2 || !again.Device().Equal(newDevice(1).Public()) {
			t.Errorf("head %d %x, wrote %d %x", n, last, n2, last2)
		}
		if !reflect.DeepEqual(again.bound, j.bound) {
			t.Error("what is bound differs after opening again")
		}
	}
	for i, e := range j.Entries() {
		if e.Number != uint64(i+1) || e.Kind.String() == "invalid" {
			t.Errorf("entry %d: number %d, kind %v", i+1, e.Number, e.Kind)
		}
	}
	if Kind(0).String() != "invalid" || Kind(200).String() != "invalid" {
		t.Error("a kind that is none has a name")
	}
	if mode := must(os.Stat(path(home))).Mode(); mode.Perm() != 0o600 {
		t.Errorf("mode %v", mode)
	}
	if _, err := Create(home, newDevice(1), 0); !fault.Is(err, "journal.exists") {
		t.Errorf("a second journal: %v", err)
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// Every cut is refused: the head counts every entry.
func TestATT39ATT80EveryTruncation(t *testing.T) {
	home, _ := small(t)
	raw := read(t, path(home))
	for n := range raw {
		write(t, path(home), raw[:n])
		for _, dev := range []ed25519.PublicKey{nil, newDevice(1).Public()} {
			if j, err := Open(home, dev); err == nil {
				t.Fatalf("cut to %d of %d bytes: opened with %d entries", n, len(raw), len(j.Entries()))
			} else if c := fault.Code(err); c != "journal.truncated" && c != "journal.damaged" {
				t.Fatalf("cut to %d bytes: %v", n, err)
			}
		}
	}
}

func TestATT40ATT80EveryBitFlip(t *testing.T) {
	home, _ := small(t)
	raw := read(t, path(home))
	for i := range raw {
		for bit := range 8 {
			bad := bytes.Clone(raw)
			bad[i] ^= 1 << bit
			write(t, path(home), bad)
			if _, err := Open(home, newDevice(1).Public()); err == nil {
				t.Fatalf("bit %d of byte %d flipped: opened", bit, i)
			} else if c := fault.Code(err); !strings.HasPrefix(c, "journal.") {
				t.Fatalf("bit %d of byte %d: %v", bit, i, err)
			}
		}
	}
}

// A crash between the two writes of Append leaves an entry that the head does
// not count. Whole, it counts; in any other shape it released nothing, and the
// next entry takes its place.
func TestUncountedLastEntry(t *testing.T) {
	home, j := small(t)
	before := read(t, head(home))
	add(t, j, Entry{Kind: Policy, Text: "compat"})
	raw, after := read(t, path(home)), read(t, head(home))
	offs := offsets(t, raw)
	last := offs[len(offs)-2]

	open := func(t *testing.T, file []byte, want int) {
		t.Helper()
		write(t, path(home), file)
		write(t, head(home), before)
		if _, err := Open(home, nil); err != nil || !bytes.Equal(read(t, head(home)), before) {
			t.Fatalf("without the device: %v, or the head was written", err)
		}
		j, err := Open(home, newDevice(1).Public())
		if err != nil {
			t.Fatal(err)
		}
		if len(j.Entries()) != want {
			t.Fatalf("%d entries, want %d", len(j.Entries()), want)
		}
		add(t, j, Entry{Kind: Policy, Text: "strict"})
		again, err := Open(home, newDevice(1).Public())
		if err != nil || len(again.Entries()) != want+1 || again.Entries()[want].Text != "strict" {
			t.Fatalf("after the next entry: %v", err)
		}
		if got := offsets(t, read(t, path(home))); len(got) != want+2 {
			t.Fatalf("%d entries in the file, want %d", len(got)-1, want+1)
		}
	}
	for n := last; n < len(raw); n++ {
		open(t, raw[:n], 7)
	}
	for i := last; i < len(raw); i++ {
		bad := bytes.Clone(raw)
		bad[i] ^= 0x10
		open(t, bad, 7)
	}
	open(t, append(bytes.Clone(raw[:last]), make([]byte, 4096)...), 7)
	open(t, raw, 8)

	// Once it was opened whole, what it records may be out: now it counts.
	write(t, path(home), raw)
	write(t, head(home), before)
	if _, err := Open(home, newDevice(1).Public()); err != nil || !bytes.Equal(read(t, head(home)), after) {
		t.Fatalf("the head was not brought up: %v", err)
	}
	write(t, path(home), raw[:last])
	if _, err := Open(home, newDevice(1).Public()); !fault.Is(err, "journal.truncated") {
		t.Errorf("an entry that was acted upon was cut off: %v", err)
	}
	// An older entry is never given up, whatever the head says.
	bad := bytes.Clone(raw)
	bad[offs[3]+10] ^= 1
	write(t, path(home), bad)
	write(t, head(home), before)
	if _, err := Open(home, newDevice(1).Public()); !fault.Is(err, "journal.damaged") {
		t.Errorf("a damaged entry in the middle: %v", err)
	}
}

func TestHeadFile(t *testing.T) {
	home, _ := small(t)
	n := func(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }
	for _, c := range []struct {
		name string
		head []byte
		code string
	}{
		{"right", n(7), ""},
		{"one behind", n(6), ""},
		{"two behind", n(5), "journal.damaged"},
		{"zero", n(0), "journal.damaged"},
		{"one ahead", n(8), "journal.truncated"},
		{"far ahead", n(1<<64 - 1), "journal.truncated"},
		{"empty", nil, "journal.damaged"},
		{"cut", n(7)[:7], "journal.damaged"},
		{"long", append(n(7), 0), "journal.damaged"},
		{"very long", make([]byte, 100), "journal.damaged"},
	} {
		write(t, head(home), c.head)
		if _, err := Open(home, newDevice(1).Public()); (err == nil) != (c.code == "") || err != nil && !fault.Is(err, c.code) {
			t.Errorf("%s: %v, want %q", c.name, err, c.code)
		}
	}
	if err := os.Remove(head(home)); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(home, newDevice(1).Public()); !fault.Is(err, "journal.damaged") {
		t.Errorf("no head: %v", err)
	}
	if err := os.Symlink(path(home), head(home)); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(home, newDevice(1).Public()); !fault.Is(err, "journal.damaged") {
		t.Errorf("head is a symbolic link: %v", err)
	}
}

func TestMissingOrOdd(t *testing.T) {
	if _, err := Open(t.TempDir(), nil); !fault.Is(err, "journal.missing") {
		t.Errorf("no journal: %v", err)
	}
	home, _ := small(t)
	write(t, path(home), []byte(magic))
	if _, err := Open(home, nil); !fault.Is(err, "journal.damaged") {
		t.Errorf("no entry: %v", err)
	}
	real := filepath.Join(t.TempDir(), "j")
	if err := os.Rename(path(home), real); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(real, path(home)); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(home, nil); !fault.Is(err, "file.type") {
		t.Errorf("a symbolic link: %v", err)
	}
}

func TestWrongDevice(t *testing.T) {
	home, _ := small(t)
	if _, err := Open(home, newDevice(3).Public()); !fault.Is(err, "journal.device") {
		t.Errorf("another device: %v", err)
	}
	// Entries that another device signed, in a journal that starts as ours.
	_, j := create(t)
	if _, err := j.Append(newDevice(3), Entry{Kind: Policy, Text: "compat"}); err != nil {
		t.Fatal(err)
	}
	for _, dev := range []ed25519.PublicKey{nil, newDevice(1).Public()} {
		if _, err := Open(filepath.Dir(j.path), dev); !fault.Is(err, "journal.damaged") {
			t.Errorf("a foreign entry: %v", err)
		}
	}
	// A whole journal of another device in the place of ours, head and all.
	foreign := t.TempDir()
	if _, err := Create(foreign, newDevice(3), 0); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(foreign, newDevice(1).Public()); !fault.Is(err, "journal.device") {
		t.Errorf("a foreign journal: %v", err)
	}
}

func TestATT80Splices(t *testing.T) {
	home, _ := small(t)
	raw := read(t, path(home))
	o := offsets(t, raw)
	part := func(i int) []byte { return raw[o[i]:o[i+1]] }
	other, _ := small(t) // same entries, same bytes: a splice of equals is no change
	if !bytes.Equal(raw, read(t, path(other))) {
		t.Fatal("the same entries give other bytes")
	}
	far, k := create(t)
	add(t, k, Entry{Kind: Wallet, Text: "new 550e8400-e29b-41d4-a716-446655440000"})
	farRaw := read(t, path(far))
	fo := offsets(t, farRaw)
	join := func(parts ...[]byte) []byte { return append([]byte(magic), bytes.Join(parts, nil)...) }
	all := func(skip int) (ps [][]byte) {
		for i := range len(o) - 1 {
			if i != skip {
				ps = append(ps, part(i))
			}
		}
		return ps
	}
	cases := map[string][]byte{
		"swapped":      join(part(0), part(2), part(1), part(3), part(4), part(5), part(6)),
		"doubled":      join(part(0), part(1), part(1), part(2), part(3), part(4), part(5)),
		"no first":     join(all(0)...),
		"foreign":      join(part(0), farRaw[fo[1]:fo[2]], part(2), part(3), part(4), part(5), part(6)),
		"no header":    raw[len(magic):],
		"two headers":  append([]byte(magic), raw...),
		"first only":   join(part(0)),
		"only headers": []byte(magic),
	}
	for i := 1; i < 6; i++ {
		cases["dropped "+string(rune('0'+i))] = join(all(i)...)
	}
	for name, b := range cases {
		write(t, path(home), b)
		if _, err := Open(home, newDevice(1).Public()); err == nil || !strings.HasPrefix(fault.Code(err), "journal.") {
			t.Errorf("%s: %v", name, err)
		}
	}
	write(t, path(home), raw)
	if _, err := Open(home, newDevice(1).Public()); err != nil {
		t.Fatal(err)
	}
}

// breaking is a disk that fails as disks do.
type breaking struct {
	real    disk
	persist int // bytes that are there all the same
	err     error
}

func (b breaking) put(offset int64, rec []byte) error {
	if b.persist > 0 {
		if err := b.real.put(offset, rec[:min(b.persist, len(rec))]); err != nil {
			return err
		}
	}
	return b.err
}

func TestFailedWrites(t *testing.T) {
	for _, c := range []struct {
		name    string
		persist int
		entries int // after opening again
	}{
		{"failed", 0, 7}, {"one byte persisted", 1, 7}, {"half persisted", 60, 7}, {"failed but persisted", 1 << 20, 8},
	} {
		t.Run(c.name, func(t *testing.T) {
			home, j := small(t)
			headBefore := read(t, head(home))
			j.disk = breaking{j.disk, c.persist, &fs.PathError{Op: "write", Path: "secret-path", Err: syscall.EIO}}
			e := signing(3, 0xb2, decided(9, bundle.Signed))
			_, err := j.Append(newDevice(1), e)
			if !fault.Is(err, "journal.write") || !errors.Is(err, syscall.EIO) || strings.Contains(err.Error(), "secret-path") {
				t.Fatalf("%v", err)
			}
			if _, ok := j.Bound(bundle.ID{9}); ok || len(j.Entries()) != 7 || !bytes.Equal(headBefore, read(t, head(home))) {
				t.Error("an entry that failed is in the journal")
			}
			j.disk = file(j.path)
			if _, err := j.Append(newDevice(1), e); !fault.Is(err, "journal.write") {
				t.Errorf("an entry after a failed one: %v", err)
			}
			again, err := Open(home, newDevice(1).Public())
			if err != nil {
				t.Fatal(err)
			}
			if _, ok := again.Bound(bundle.ID{9}); ok != (c.entries == 8) || len(again.Entries()) != c.entries {
				t.Errorf("%d entries, bound %v", len(again.Entries()), ok)
			}
			// The same decision again, as the next run would make it.
			if c.entries == 7 {
				add(t, again, e)
			}
			if last, err := Open(home, newDevice(1).Public()); err != nil || len(last.Entries()) != 8 {
				t.Errorf("after trying again: %v", err)
			}
		})
	}
	t.Run("full", func(t *testing.T) {
		_, j := small(t)
		j.disk = breaking{err: &fs.PathError{Op: "write", Err: syscall.ENOSPC}}
		if _, err := j.Append(newDevice(1), Entry{Kind: Policy}); err == nil || !strings.Contains(err.Error(), "free some space") {
			t.Errorf("%v", err)
		}
	})
	t.Run("signer", func(t *testing.T) {
		home, j := small(t)
		raw := read(t, path(home))
		if _, err := j.Append(refusing{newDevice(1)}, Entry{Kind: Policy}); err == nil || !bytes.Equal(raw, read(t, path(home))) {
			t.Errorf("%v", err)
		}
		add(t, j, Entry{Kind: Policy, Text: "strict"}) // nothing was written: the journal goes on
	})
}

type refusing struct{ device }

func (refusing) Sign([]byte) ([]byte, error) { return nil, errors.New("no") }

// The head cannot be written: the caller is told, so nothing is released.
func TestHeadWriteFails(t *testing.T) {
	home, j := small(t)
	if err := os.Remove(head(home)); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(head(home), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := j.Append(newDevice(1), Entry{Kind: Policy, Text: "compat"}); err == nil {
		t.Fatal("the head was not written and nobody was told")
	}
	if _, err := j.Append(newDevice(1), Entry{Kind: Policy, Text: "compat"}); !fault.Is(err, "journal.write") {
		t.Errorf("the journal went on: %v", err)
	}
}

// The file cannot be opened or grown: each is an error of the journal.
func TestFileFails(t *testing.T) {
	dir := t.TempDir()
	link := filepath.Join(dir, "link")
	if err := os.Symlink(filepath.Join(dir, "target"), link); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{filepath.Join(dir, "missing"), link, dir, "/dev/full"} {
		if err := file(name).put(0, []byte("entry")); err == nil {
			t.Errorf("wrote to %s", name)
		} else if err := failed(err); !fault.Is(err, "journal.write") || strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := os.Lstat(filepath.Join(dir, "target")); err == nil {
		t.Error("a symbolic link was followed")
	}
}

func TestTooLarge(t *testing.T) {
	home, j := create(t)
	raw := read(t, path(home))
	for name, e := range map[string]Entry{
		"journal.size":  {Kind: Seen, Data: make([]byte, maxEntry)},
		"journal.entry": {Kind: Decided, Sign: &Signing{Decisions: make([]Decision, 250_001)}},
	} {
		if _, err := j.Append(newDevice(1), e); !fault.Is(err, name) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := j.Append(newDevice(1), Entry{Kind: Wallet, Text: "new \xff"}); !fault.Is(err, "journal.entry") {
		t.Error("an entry that cannot be read again was written")
	}
	j.size = maxFile
	if _, err := j.Append(newDevice(1), Entry{Kind: Policy}); !fault.Is(err, "journal.size") {
		t.Error("the journal outgrew what can be opened")
	}
	if !bytes.Equal(raw, read(t, path(home))) {
		t.Error("something was written")
	}
	// A file that claims a huge entry is refused before memory is set aside.
	huge := append(bytes.Clone(raw), 0xff, 0xff, 0xff, 0xff)
	write(t, path(home), huge)
	write(t, head(home), binary.BigEndian.AppendUint64(nil, 2))
	if _, err := Open(home, nil); !fault.Is(err, "journal.damaged") {
		t.Errorf("an entry of 4 GiB: %v", err)
	}
}

func TestBound(t *testing.T) {
	home, j := create(t)
	add(t, j, Entry{Kind: Pair, Data: newDevice(2).Public()})
	add(t, j, signing(1, 0xb1, decision(1, 0xd1, bundle.Signed), decision(2, 0xd2, bundle.Refused), decision(3, 0xd3, bundle.Deferred)))
	add(t, j, signing(2, 0xb2, decision(1, 0xe1, bundle.Refused), decision(2, 0xe2, bundle.Signed), decision(3, 0xe3, bundle.Signed)))
	add(t, j, signing(3, 0xb3, decision(3, 0xf3, bundle.Refused)))
	again, err := Open(home, newDevice(1).Public())
	if err != nil {
		t.Fatal(err)
	}
	for _, j := range []*Journal{j, again} {
		for id, want := range map[byte]struct {
			digest byte
			status bundle.Status
		}{1: {0xd1, bundle.Signed}, 2: {0xd2, bundle.Refused}, 3: {0xe3, bundle.Signed}} {
			d, ok := j.Bound(bundle.ID{id})
			if !ok || d.Digest != [32]byte{want.digest} || d.Status != want.status {
				t.Errorf("id %d is bound to %x %v, want %x %v", id, d.Digest[:1], d.Status, want.digest, want.status)
			}
		}
		if _, ok := j.Bound(bundle.ID{4}); ok {
			t.Error("an id that never came is bound")
		}
	}
}

func TestChannels(t *testing.T) {
	_, j := create(t)
	check := func(when string, seq, out uint64, peer byte, answered map[byte]bool) {
		t.Helper()
		c, known := j.In()
		if c.Sequence != seq || j.Out().Sequence != out {
			t.Errorf("%s: in %d, out %d; want %d, %d", when, c.Sequence, j.Out().Sequence, seq, out)
		}
		if peer == 0 && j.Peer() != nil || peer != 0 && !bytes.Equal(j.Peer(), newDevice(peer).Public()) {
			t.Errorf("%s: peer %x", when, j.Peer())
		}
		for s := uint64(1); s <= seq; s++ {
			if d, ok := known(s); !ok || d != [32]byte{0xb0 + byte(s)} {
				t.Errorf("%s: bundle %d is known as %x, %v", when, s, d[:1], ok)
			}
		}
		if _, ok := known(seq + 1); ok {
			t.Errorf("%s: bundle %d is known", when, seq+1)
		}
		if seq > 0 && c.Last != [32]byte{0xb0 + byte(seq)} {
			t.Errorf("%s: last %x", when, c.Last[:1])
		}
		for d, want := range answered {
			e, ok := j.Answered([32]byte{d})
			if ok != want || ok && e.Sign.Bundle != [32]byte{d} {
				t.Errorf("%s: bundle %x answered: %v, want %v", when, d, ok, want)
			}
		}
	}
	check("at first", 0, 0, 0, map[byte]bool{0xb1: false})
	add(t, j, Entry{Kind: Pair, Data: newDevice(2).Public()})
	check("paired", 0, 0, 2, nil)
	add(t, j, Entry{Kind: Keys, Out: &Channel{Sequence: 1}})
	check("keys out", 0, 1, 2, nil)
	one := signing(1, 0xb1, decided(1, bundle.Signed))
	one.Out.Sequence = 2
	add(t, j, one)
	check("one answered", 1, 2, 2, map[byte]bool{0xb1: true, 0xb2: false})
	two := signing(2, 0xb2, decided(2, bundle.Signed))
	two.Out.Sequence = 3
	add(t, j, two)
	add(t, j, Entry{Kind: Seen, Data: []byte{1}})
	check("two answered", 2, 3, 2, map[byte]bool{0xb1: true, 0xb2: true})

	if e, ok := j.Sent(2); !ok || e.Sign.Bundle != [32]byte{0xb1} {
		t.Errorf("bundle 2 is entry %d, %v", e.Number, ok)
	}
	for _, n := range []uint64{0, 4} {
		if _, ok := j.Sent(n); ok {
			t.Errorf("bundle %d was sent", n)
		}
	}
	for data, want := range map[string]bool{"\x01": true, "": false, "\x01\x01": false, string(newDevice(2).Public()): false} {
		if j.Shown([]byte(data)) != want {
			t.Errorf("shown %x: %v", data, !want)
		}
	}

	// A new peer has sequences of its own, but frees no id.
	add(t, j, Entry{Kind: Pair, Data: newDevice(4).Public()})
	check("another peer", 0, 0, 4, map[byte]bool{0xb1: false, 0xb2: false})
	if _, ok := j.Bound(bundle.ID{1}); !ok {
		t.Error("a new pairing freed an id")
	}
	if _, ok := j.Sent(2); ok {
		t.Error("a new pairing has the old one's bundles")
	}

	// The first one again goes on where it was.
	add(t, j, Entry{Kind: Pair, Data: newDevice(2).Public()})
	check("the first peer again", 2, 3, 2, map[byte]bool{0xb1: true, 0xb2: true})
	if e, ok := j.Sent(2); !ok || e.Sign.Bundle != [32]byte{0xb1} {
		t.Errorf("bundle 2 is entry %d, %v", e.Number, ok)
	}
}

// A restored home's journal says so first; an entry of any other kind cannot be first.
func TestRestored(t *testing.T) {
	home := t.TempDir()
	if _, err := CreateRestored(home, newDevice(1), 7, "1122334455667788 of a backup"); err != nil {
		t.Fatal(err)
	}
	if _, err := CreateRestored(home, newDevice(1), 7, ""); fault.Code(err) != "journal.exists" {
		t.Errorf("a second one: %v", err)
	}
	j, err := Open(home, nil)
	if err != nil || !bytes.Equal(j.Device(), newDevice(1).Public()) {
		t.Fatal(err)
	}
	if e := j.Entries(); len(e) != 1 || e[0].Kind != Restore || e[0].Kind.String() != "restore" || e[0].Text != "1122334455667788 of a backup" {
		t.Errorf("%v", e)
	}
	other := t.TempDir()
	if _, err := start(other, newDevice(1), Entry{Kind: Wallet, Data: newDevice(1).Public()}); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(other, nil); fault.Code(err) != "journal.damaged" {
		t.Errorf("a journal that starts with a wallet: %v", err)
	}
}

// TestApprovers: who approved is kept with the entry, and an entry without any is
// written as before the field was there.
func TestApprovers(t *testing.T) {
	e := Entry{Number: 1, Kind: Decided, Approved: []Approver{{Name: "alice", Key: "RWQ"}, {Name: "bob", Key: "RWR"}}}
	raw, err := encode(e)
	if err != nil {
		t.Fatal(err)
	}
	got, err := decode(raw)
	if err != nil || len(got.Approved) != 2 || got.Approved[1] != e.Approved[1] {
		t.Errorf("%+v, %v", got.Approved, err)
	}
	e.Approved = nil
	without, err := encode(e)
	if err != nil || without[0] != raw[0]-1 || bytes.Contains(without, []byte("alice")) {
		t.Errorf("without approvers: %x, %v", without, err)
	}
}

// ATT-68: what the other half was told is in this journal, or this is not the one.
func TestATT68Holds(t *testing.T) {
	_, j := small(t)
	last := j.Last()
	if n, hash := j.Head(); last.Number != n || last.Hash != hash {
		t.Errorf("last %v", last)
	}
	for _, e := range j.Entries() {
		if err := j.Holds(e.Before()); err != nil {
			t.Errorf("before entry %d: %v", e.Number, err)
		}
	}
	if err := j.Holds(last); err != nil {
		t.Error(err)
	}
	for want, heads := range map[string][]bundle.Head{
		"journal.rollback": {{Number: 8, Hash: last.Hash}, {Number: 1<<63 - 1, Hash: last.Hash}},
		"journal.fork":     {{Number: 7, Hash: [32]byte{1}}, {Number: 6, Hash: last.Hash}, {Number: 1, Hash: [32]byte{1}}},
	} {
		for _, h := range heads {
			if err := j.Holds(h); !fault.Is(err, want) {
				t.Errorf("entry %d: %v, want %s", h.Number, err, want)
			}
		}
	}
	// The entry that is missing, and all is well.
	next := j.Last()
	e := add(t, j, Entry{Kind: Policy, Text: "compat"})
	if e.Before() != next || j.Holds(j.Last()) != nil || j.Last().Number != 8 {
		t.Errorf("after %v: %v", e.Before(), j.Last())
	}
}
