package ur

import (
	"bytes"
	"fmt"
	"math"
	"runtime"
	"strings"
	"testing"

	"github.com/fxamacker/cbor/v2"

	"coldsign/shared/fault"
)

// forged gives a part with the checksum of its text right, whatever it says.
func forged(kind, seq string, content any) string {
	b, err := cbor.Marshal(content)
	if err != nil {
		panic(err)
	}
	return "ur:" + kind + "/" + seq + "/" + words(b)
}

// poison gives a part of e with other data.
func poison(e *Encoder, number uint32) string {
	data := bytes.Repeat([]byte{0xa5}, e.id.Fragment)
	return forged(e.id.Type, fmt.Sprintf("%d-%d", number, e.id.K), part{Number: number, K: uint32(e.id.K), Length: uint32(e.id.Length), Checksum: e.id.Checksum, Data: data})
}

// ATT-57, and everything else that a part can claim.
func TestHostileParts(t *testing.T) {
	data := make([]byte, 10)
	list := func(v ...any) []any { return v }
	for _, c := range []struct {
		seq     string
		content any
		code    string
		words   string
	}{
		{"1-4294967295", list(1, uint32(math.MaxUint32), 100, 1, data), "frame.limit", "4294967295 parts"},
		{"1-4294967296", list(1, uint64(1<<32), 100, 1, data), "frame.damaged", ""},
		{"1-2147483648", list(1, uint64(1<<31), 100, 1, data), "frame.limit", ""},
		{"1-8193", list(1, 8193, 81930, 1, data), "frame.limit", "8193 parts"},
		{"1-10", list(1, 10, uint64(1<<40), 1, data), "frame.damaged", ""},
		{"1-10", list(1, 10, uint32(math.MaxUint32), 1, data), "frame.limit", "4294967295 bytes"},
		{"1-10", list(1, 10, 0, 1, data), "frame.limit", "0 bytes"},
		{"1-10", list(1, 10, MaxMessage+1, 1, data), "frame.limit", ""},
		{"0-10", list(0, 10, 100, 1, data), "frame.damaged", "0-10"},
		{"1-0", list(1, 0, 100, 1, data), "frame.limit", "0 parts"},
		{"4294967296-10", list(uint64(1<<32), 10, 100, 1, data), "frame.damaged", ""},
		{"1-10", list(1, 10, 101, 1, data), "frame.limit", "cannot be"},
		{"1-10", list(1, 10, 90, 1, data), "frame.limit", "cannot be"},
		{"1-10", list(1, 10, 100, 1, []byte{}), "frame.limit", "0 bytes, which cannot be"},
		{"1-1", list(1, 1, 9, 1, data), "frame.limit", "cannot be"},
		{"1-10", list(1, 10, 100, uint64(1<<32), data), "frame.damaged", ""},
		{"1-10", list(-1, 10, 100, 1, data), "frame.damaged", ""},
		{"1-10", list(1, 10, 100, 1, "aaaaaaaaaa"), "frame.damaged", ""},
		{"1-10", list(1, 10, 100, 1), "frame.damaged", ""},
		{"1-10", list(1, 10, 100, 1, data, 1), "frame.damaged", ""},
		{"1-10", 5, "frame.damaged", ""},
		{"2-10", list(1, 10, 100, 1, data), "frame.damaged", "2-10"},
		{"1-11", list(1, 10, 100, 1, data), "frame.damaged", "1-11"},
		{"01-10", list(1, 10, 100, 1, data), "frame.damaged", "01-10"},
		{"+1-10", list(1, 10, 100, 1, data), "frame.damaged", ""},
		{"1", list(1, 10, 100, 1, data), "frame.damaged", ""},
		{"\x1b[2J", list(1, 10, 100, 1, data), "frame.damaged", `\u{001B}`},
	} {
		d := NewDecoder(Limits{})
		_, err := d.Add(forged("bytes", c.seq, c.content))
		if !fault.Is(err, c.code) || !strings.Contains(err.Error(), c.words) || len(d.sessions) != 0 {
			t.Errorf("%s %v: %v, want %s with %q", c.seq, c.content, err, c.code, c.words)
		}
	}
}

// What else a camera sees is named in words.
func TestForeignTexts(t *testing.T) {
	good := Encode("bytes", wrapped(50))
	for text, want := range map[string]string{
		"":                                     "frame.foreign: no UR",
		"https://example.org":                  "frame.foreign: no UR",
		"B$HU0100AA":                           "frame.foreign: no UR",
		"ur:":                                  "frame.foreign: no UR",
		"ur:bytes":                             "frame.damaged: 1 fields",
		"ur:/aeae":                             "frame.damaged: no type",
		"ur:a_b/aeae":                          "frame.damaged: no type",
		"ur:\u202e/aeae":                       `frame.damaged: \u{202E}`,
		good[:len(good)-1]:                     "frame.damaged: cut",
		good[:len(good)-2]:                     "frame.damaged: checksum",
		"ur:bytes/":                            "frame.damaged: cut",
		"ur:bytes/aeaeaeae":                    "frame.damaged: cut",
		"ur:bytes/aeaeaeaeqq":                  "frame.damaged: stands for no byte",
		"ur:bytes/aeaeaeaeaeae":                "frame.damaged: checksum",
		"ur:bytes/ae-eaeaeaeae":                "frame.damaged: stands for no byte",
		"ur:bytes/1of4/typ3nxh3edkc9ql/qqqqqq": "frame.version: version 1",
		"UR:BYTES/1OF4/TYP3NXH3EDKC9QL/QQQQQQ": "frame.version: version 1",
		"ur:bytes/typ3nxh3edkc9ql/qqqqqq234":   "frame.version: version 1",
		"ur:crypto-psbt/tpnxhedkcqllaa0234":    "frame.version: version 1",
		"ur:bytes/1-2/aeae/aeae/aeae/aeae":     "frame.damaged: fields",
		"ur:bytes/" + strings.Repeat("a", maxText): "frame.limit: characters",
		"ur:" + strings.Repeat("/", maxText-3):     "frame.damaged: no type",
	} {
		code, words, _ := strings.Cut(want, ": ")
		_, err := NewDecoder(Limits{}).Add(text)
		if !fault.Is(err, code) || !strings.Contains(err.Error(), words) || len(err.Error()) > 400 {
			t.Errorf("%.60q: %v, want %s", text, err, want)
		}
	}
}

// ATT-54: several messages at once, of equal type, length or checksum.
func TestInterleaved(t *testing.T) {
	d := NewDecoder(Limits{})
	var encoders []*Encoder
	var messages [][]byte
	for i := range 6 {
		messages = append(messages, noise(byte(i%3), 900+i%2))
		e, err := NewEncoder([]string{"bytes", "psbt"}[i/3], messages[i], 40+i%2)
		if err != nil {
			t.Fatal(err)
		}
		encoders = append(encoders, e)
	}
	other := encoder(t, noise(9, 900), 40)
	other.id.Checksum = encoders[0].id.Checksum // and everything else but the type
	found, keep := map[int]bool{}, lossy(1, 40)
	for n := uint32(1); len(found) < len(encoders) && n < 200; n++ {
		d.Add(other.Part(n))
		for i, e := range encoders {
			if !keep() {
				continue
			}
			p, err := d.Add(e.Part(n))
			if err != nil || p.ID != e.ID() || p.Conflicts != 0 {
				t.Fatalf("%+v %v", p, err)
			}
			if p.Message != nil {
				if found[i] || !bytes.Equal(p.Message, messages[i]) {
					t.Fatalf("message %d again, or another", i)
				}
				found[i] = true
			}
		}
	}
	if len(found) != len(encoders) {
		t.Errorf("%d messages", len(found))
	}
}

// ATT-55: a false part with a header that fits, at each place. One clean pass
// after it is noticed the message is there.
func TestPoison(t *testing.T) {
	data := noise(5, 600)
	e := encoder(t, data, 20)
	k, harmful := uint32(e.K()), 0
	for at := range k {
		for _, number := range []uint32{at + 1, (at+7)%k + 1, k + at + 1} {
			d := NewDecoder(Limits{})
			resets := 0
			var got []byte
			add := func(text string) {
				if got != nil {
					return
				}
				p, err := d.Add(text)
				if fault.Is(err, "frame.poisoned") {
					if resets++; p.Rank != 0 || p.Resets != resets || len(d.Missing(e.ID())) != p.K {
						t.Fatalf("after a reset: %+v", p)
					}
				} else if err != nil {
					t.Fatal(err)
				}
				got = p.Message
			}
			for n := range at {
				add(e.Part(n + 1))
			}
			add(poison(e, number))
			for n := range 2 * k { // the rest of this pass, and one more
				add(e.Part((at+n)%k + 1))
			}
			if !bytes.Equal(got, data) || resets > 1 {
				t.Fatalf("false part %d at %d: %d bytes after %d resets", number, at, len(got), resets)
			}
			harmful += resets // not if it said something about pieces that were known
		}
	}
	if harmful < 2*int(k) {
		t.Errorf("only %d false parts were harmful", harmful)
	}
}

// A part that contradicts those before it changes nothing.
func TestConflict(t *testing.T) {
	data := noise(6, 100)
	e := encoder(t, data, 20)
	d := NewDecoder(Limits{})
	d.Add(e.Part(1))
	p, err := d.Add(poison(e, 1))
	if err != nil || p.Conflicts != 1 || p.Duplicates != 0 || p.Rank != 1 {
		t.Errorf("%+v %v", p, err)
	}
	if got := needed(t, d, e, data, 2, all); got != e.K()-1 {
		t.Errorf("%d more parts", got)
	}
}

// ATT-57: a flood of messages neither takes memory nor pushes out a scan.
func TestFlood(t *testing.T) {
	data := noise(7, 400)
	e := encoder(t, data, 20)
	d := NewDecoder(Limits{Memory: 1 << 20})
	for n := range uint32(5) {
		d.Add(e.Part(n + 1))
	}
	flood := part{Number: 1, K: 8, Length: 8 * 1000, Data: make([]byte, 1000)}
	ids := 100_000
	if testing.Short() {
		ids = 1000
	}
	for i := range ids {
		flood.Checksum = uint32(i)
		if _, err := d.Add(forged("bytes", "1-8", flood)); err != nil {
			t.Fatal(err)
		}
	}
	if len(d.sessions) > d.limits.Sessions {
		t.Errorf("%d sessions", len(d.sessions))
	}
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	if m.HeapAlloc > 20<<20 {
		t.Errorf("%d bytes are in use", m.HeapAlloc)
	}
	if got := needed(t, d, e, data, 6, all); got != e.K()-5 {
		t.Errorf("%d more parts: the scan was pushed out", got)
	}
}

func TestMemoryLimit(t *testing.T) {
	e := encoder(t, noise(8, 4000), 100)
	d := NewDecoder(Limits{Memory: 5000})
	var err error
	for n := uint32(1); err == nil && n <= 40; n++ {
		_, err = d.Add(e.Part(n))
	}
	if !fault.Is(err, "frame.limit") || len(d.sessions) != 1 || len(d.sessions[0].rows)*d.sessions[0].rowSize() > 5000 {
		t.Errorf("%v", err)
	}
	small := encoder(t, noise(8, 40), 10)
	needed(t, d, small, noise(8, 40), 1, all) // it pushes out what cannot be finished
}

// rowSize covers what a row takes: what a session holds, measured.
func TestRowSize(t *testing.T) {
	e := encoder(t, noise(9, 20000), 20)
	var sum int
	d := NewDecoder(Limits{})
	for n := range uint32(900) {
		d.Add(e.Part(2000 + n))
	}
	s := d.sessions[0]
	for _, r := range s.rows {
		sum += 8*cap(r.bits) + cap(r.data)
	}
	for _, text := range s.texts {
		sum += len(text)
	}
	if most := len(s.rows) * (s.rowSize() - 100); sum > most || len(s.texts) != len(s.rows) || s.Rank != len(s.rows) {
		t.Errorf("%d rows take %d bytes, and %d are counted", len(s.rows), sum, most)
	}
}
