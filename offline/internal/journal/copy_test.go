package journal

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"coldsign/shared/fault"
)

// copied makes a copy of a small journal and tells where its entries are.
func copied(t testing.TB) (raw []byte, offs []int, j *Journal) {
	t.Helper()
	home, j := small(t)
	raw, err := Copy(home)
	if err != nil {
		t.Fatal(err)
	}
	return raw, offsets(t, raw[:len(raw)-countSize]), j
}

// names reports whether err tells of trouble and names the entry.
func names(err error, entry int) bool {
	return err != nil && strings.HasPrefix(fault.Code(err), "journal.") && strings.Contains(err.Error(), fmt.Sprintf("entry %d ", entry))
}

func TestCopy(t *testing.T) {
	raw, offs, j := copied(t)
	c, err := Check(raw)
	if err != nil || c.Last() != j.Last() || len(c.Entries()) != 7 || !c.Device().Equal(j.Device()) {
		t.Fatalf("%v", err)
	}
	if n := len(raw) - countSize; !bytes.Equal(raw[:n], read(t, j.path)) || offs[7] != n {
		t.Error("the copy is not the journal and its count")
	}
	for _, e := range j.Entries()[1:] {
		if !c.Knows(e.Previous) {
			t.Errorf("the head before entry %d is not known", e.Number)
		}
	}
	if !c.Knows(j.Last().Hash) || c.Knows([32]byte{}) || c.Knows([32]byte{1}) {
		t.Error("wrong heads")
	}
	// What a crash left behind is no part of it.
	write(t, j.path, append(read(t, j.path), 0, 0, 0, 9, 1))
	if again, err := Copy(strings.TrimSuffix(j.path, "/"+File)); err != nil || !bytes.Equal(again, raw) {
		t.Errorf("with a torn entry behind: %v", err)
	}
	if _, err := Copy(t.TempDir()); !fault.Is(err, "journal.missing") {
		t.Errorf("%v", err)
	}
}

// Every byte changed and every length but the whole: the first bad entry is
// named.
func TestATT80EveryByteOfACopy(t *testing.T) {
	raw, offs, _ := copied(t)
	at := func(i int) int { // the entry that byte i is of; 8: the count
		n, _ := slices.BinarySearch(offs, i+1)
		return n
	}
	for i := range raw {
		for _, bit := range []byte{1 << (i % 8), 0xff} {
			bad := bytes.Clone(raw)
			bad[i] ^= bit
			if _, err := Check(bad); i < len(magic) && !fault.Is(err, "journal.damaged") || i >= len(magic) && !names(err, at(i)) {
				t.Fatalf("byte %d of entry %d: %v", i, at(i), err)
			}
		}
		if _, err := Check(raw[:i]); i < len(magic) && !fault.Is(err, "journal.damaged") || i >= len(magic) && !names(err, at(i)) {
			t.Fatalf("cut to %d bytes, in entry %d: %v", i, at(i), err)
		}
	}
	if at(offs[0]) != 1 || at(offs[1]-1) != 1 || at(offs[1]) != 2 || at(len(raw)-1) != 8 {
		t.Fatal("the test counts wrongly")
	}
}

// Entries deleted, doubled, swapped, added and left out at the end, with the
// count as it was and made to fit.
func TestATT80MovedEntries(t *testing.T) {
	raw, offs, _ := copied(t)
	join := func(count int, order ...int) []byte {
		b := []byte(magic)
		for _, n := range order {
			b = append(b, raw[offs[n-1]:offs[n]]...)
		}
		return binary.BigEndian.AppendUint64(append(b, 0, 0, 0, 0), uint64(count))
	}
	for _, c := range []struct {
		order []int
		first int
	}{
		{[]int{2, 3, 4, 5, 6, 7}, 1}, {[]int{1, 3, 4, 5, 6, 7}, 2}, {[]int{1, 2, 4, 5, 6, 7}, 3}, {[]int{1, 2, 3, 5, 6, 7}, 4},
		{[]int{1, 2, 3, 4, 6, 7}, 5}, {[]int{1, 2, 3, 4, 5, 7}, 6},
		{[]int{1, 1, 2, 3, 4, 5, 6, 7}, 2}, {[]int{1, 2, 3, 4, 5, 6, 7, 7}, 8}, {[]int{1, 2, 3, 4, 5, 6, 7, 1}, 8},
		{[]int{2, 1, 3, 4, 5, 6, 7}, 1}, {[]int{1, 3, 2, 4, 5, 6, 7}, 2}, {[]int{1, 2, 3, 4, 5, 7, 6}, 6}, {[]int{7, 6, 5, 4, 3, 2, 1}, 1},
		{nil, 1},
	} {
		for _, count := range []int{7, len(c.order)} {
			if _, err := Check(join(count, c.order...)); !names(err, c.first) && (c.order != nil || !fault.Is(err, "journal.damaged")) {
				t.Errorf("%v, counted %d: %v, want entry %d named", c.order, count, err, c.first)
			}
		}
	}
	if _, err := Check(join(7, 1, 2, 3, 4, 5, 6, 7)); err != nil {
		t.Fatal(err)
	}
	// The last ones left out: the count tells; where it was made to fit, a head
	// that was written down does.
	for n := 1; n < 7; n++ {
		order := []int{1, 2, 3, 4, 5, 6, 7}[:n]
		if _, err := Check(join(7, order...)); !names(err, n+1) || !fault.Is(err, "journal.truncated") {
			t.Errorf("%d entries counted as 7: %v", n, err)
		}
		whole, err := Check(raw)
		if err != nil {
			t.Fatal(err)
		}
		if short, err := Check(join(n, order...)); err != nil || short.Knows(whole.Last().Hash) || !whole.Knows(short.Last().Hash) {
			t.Errorf("%d entries: %v", n, err)
		}
	}
	// An entry of another device, and its whole journal.
	home := t.TempDir()
	other, err := Create(home, newDevice(3), 1767225600)
	if err != nil {
		t.Fatal(err)
	}
	first, err := os.ReadFile(other.path)
	if err != nil {
		t.Fatal(err)
	}
	mixed := bytes.Clone(join(7, 1, 2, 3, 4, 5, 6, 7))
	mixed = append(bytes.Clone(first), mixed[offs[1]:]...)
	if _, err := Check(mixed); !names(err, 2) {
		t.Errorf("another device's first entry: %v", err)
	}
}

// What Check takes is the one form of what it read.
func FuzzCheck(f *testing.F) {
	raw, _, _ := copied(f)
	f.Add(raw)
	f.Add([]byte(magic))
	f.Fuzz(func(t *testing.T, b []byte) {
		j, err := Check(b)
		if err != nil {
			if !strings.HasPrefix(fault.Code(err), "journal.") {
				t.Fatal(err)
			}
			return
		}
		if end := b[len(b)-8:]; binary.BigEndian.Uint64(end) != j.Last().Number || len(offsets(t, b[:len(b)-countSize])) != len(j.Entries())+1 {
			t.Fatalf("%d entries", len(j.Entries()))
		}
	})
}
