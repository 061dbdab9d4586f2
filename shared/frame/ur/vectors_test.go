package ur

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/fxamacker/cbor/v2"
)

type vectors struct {
	RNG, OneToTen  []int
	Shuffles       [][]int
	Pieces         []string
	Degrees        []int
	Mixed          [][]int
	Parts, URs     []string
	Single         string
	Bytes, Minimal string
}

func published(t testing.TB) (v vectors) {
	b, err := os.ReadFile("../../../testdata/ur/bc-ur.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatal(err)
	}
	if len(v.RNG) != 100 || len(v.OneToTen) != 100 || len(v.Shuffles) != 10 || len(v.Pieces) != 11 ||
		len(v.Degrees) != 200 || len(v.Mixed) != 30 || len(v.Parts) != 20 || len(v.URs) != 20 {
		t.Fatal("vectors are missing")
	}
	return v
}

// message is what all the published vectors carry.
func message(n int) []byte {
	r, b := newXoshiro([]byte("Wolf")), make([]byte, n)
	for i := range b {
		b[i] = byte(r.below(256))
	}
	return b
}

// wrapped is a message in the CBOR of the type "bytes".
func wrapped(n int) []byte {
	b, _ := cbor.Marshal(message(n))
	return b
}

func TestGenerator(t *testing.T) {
	v := published(t)
	a, b, c := newXoshiro([]byte("Wolf")), newXoshiro([]byte("Wolf")), newXoshiro([]byte("Wolf"))
	for i := range v.RNG {
		if got := int(a.next() % 100); got != v.RNG[i] {
			t.Fatalf("number %d: %d, want %d", i, got, v.RNG[i])
		}
		if got := b.below(10) + 1; got != v.OneToTen[i] {
			t.Fatalf("1 to 10, number %d: %d, want %d", i, got, v.OneToTen[i])
		}
	}
	for _, want := range v.Shuffles {
		rest, got := []int{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, []int{}
		for len(rest) > 0 {
			at := c.below(len(rest))
			got = append(got, rest[at])
			rest = slices.Delete(rest, at, at+1)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%v, want %v", got, want)
		}
	}
}

func TestDegrees(t *testing.T) {
	v := published(t)
	for i, want := range v.Degrees {
		r := newXoshiro(fmt.Appendf(nil, "Wolf-%d", i+1))
		if got := newSampler(11).draw(r) + 1; got != want {
			t.Errorf("degree %d: %d, want %d", i, got, want)
		}
	}
}

func TestPieces(t *testing.T) {
	v := published(t)
	e, err := NewEncoder("bytes", message(1024), 100)
	if err != nil || e.K() != len(v.Pieces) {
		t.Fatalf("%v", err)
	}
	for i, want := range v.Pieces {
		if hex.EncodeToString(e.pieces[i]) != want {
			t.Errorf("piece %d: %x, want %s", i, e.pieces[i], want)
		}
	}
	for i, want := range v.Mixed {
		got := mixed(uint32(i+1), e.K(), e.ID().Checksum)
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("part %d: %v, want %v", i+1, got, want)
		}
	}
	for _, c := range [][3]int{{12345, 1955, 1764}, {12345, 30000, 12345}, {15, 12, 8}, {101, 100, 51}, {10, 10, 10}, {11, 10, 6}} {
		if e, err := NewEncoder("bytes", message(c[0]), c[1]); err != nil || e.ID().Fragment != c[2] {
			t.Errorf("%d bytes in pieces of %d: %d %v, want %d", c[0], c[1], e.ID().Fragment, err, c[2])
		}
	}
}

func TestParts(t *testing.T) {
	v := published(t)
	e, err := NewEncoder("bytes", message(256), 30)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range v.Parts {
		text := strings.ToLower(e.Part(uint32(i + 1)))
		got, err := unwords(text[strings.LastIndex(text, "/")+1:])
		if err != nil || hex.EncodeToString(got) != want {
			t.Errorf("part %d: %x %v, want %s", i+1, got, err, want)
		}
	}
	if e, err = NewEncoder("bytes", wrapped(256), 30); err != nil {
		t.Fatal(err)
	}
	d := NewDecoder(Limits{})
	for i, want := range v.URs {
		if got := e.Part(uint32(i + 1)); got != strings.ToUpper(want) {
			t.Errorf("part %d: %s, want %s", i+1, got, want)
		}
		p, err := d.Add(want)
		if err != nil || (p.Message != nil) != (i == 8) || p.Message != nil && !bytes.Equal(p.Message, wrapped(256)) {
			t.Errorf("part %d: %+v %v", i+1, p, err)
		}
	}
	if got := Encode("bytes", wrapped(50)); got != strings.ToUpper(v.Single) {
		t.Errorf("%s, want %s", got, v.Single)
	}
}

func TestBytewords(t *testing.T) {
	v := published(t)
	in, _ := hex.DecodeString(v.Bytes)
	if got := words(in); got != v.Minimal {
		t.Errorf("%s, want %s", got, v.Minimal)
	}
	if got, err := unwords(v.Minimal); err != nil || !bytes.Equal(got, in) {
		t.Errorf("%x %v", got, err)
	}
	b, err := os.ReadFile("../../../testdata/ur/bytewords.txt")
	list := strings.Fields(string(b))
	if err != nil || len(list) != 256 {
		t.Fatalf("%d words, %v", len(list), err)
	}
	for i, w := range list {
		if got := pairs[2*i : 2*i+2]; got != w[:1]+w[3:] {
			t.Errorf("byte %d: %q, and the word is %s", i, got, w)
		}
	}
}
