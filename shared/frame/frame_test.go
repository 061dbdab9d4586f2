package frame

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"

	"coldsign/shared/fault"
)

func random(n int, seed uint64) []byte {
	b := make([]byte, n)
	r := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8)})
	r.Read(b)
	return b
}

func stream(t testing.TB, m Message, shape Shape) *Stream {
	t.Helper()
	s, err := NewStream(m, shape)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

var shapes = []struct {
	name    string
	message Message
	shape   Shape
}{
	{"native", Message{Format: Native}, Shape{Format: Native, Version: 20}},
	{"ur", Message{Format: UR, Type: "bytes"}, Shape{Format: UR, Version: 20}},
	{"ur-small", Message{Format: UR, Type: "crypto-psbt"}, Shape{Format: UR, Version: 40, Fragment: 100}},
	{"bbqr", Message{Format: BBQr, Type: "C"}, Shape{Format: BBQr, Version: 27}},
	{"parts", Message{Format: Parts}, Shape{Format: Parts, Version: 15}},
	{"plain", Message{Format: Plain}, Shape{Format: Plain, Version: 40}},
}

// Every format carries every size, each code holds what the version says, and one
// joiner reads them all.
func TestRoundTrip(t *testing.T) {
	for _, c := range shapes {
		for _, size := range []int{10, 100, 1000, 1500, 20_000} {
			m := c.message
			m.Data = random(size, 1)
			if m.Format == Parts || m.Format == Plain {
				if size > 1500 && m.Format == Plain {
					continue
				}
				m.Data = append([]byte(psbtMagic), m.Data...)
			}
			s, j := stream(t, m, c.shape), NewJoiner(nil)
			var got *Message
			for n := uint64(0); n < 4*s.Pass && got == nil; n++ {
				got = j.Add(s.Content(n)).Message
			}
			if got == nil || got.Format != m.Format || got.Type != m.Type || !bytes.Equal(got.Data, m.Data) {
				t.Fatalf("%s of %d bytes came as %v", c.name, size, got)
			}
			for n := range s.Pass {
				if _, err := s.Frame(n); err != nil {
					t.Fatalf("%s of %d bytes, frame %d: %v", c.name, size, n, err)
				}
			}
			if c.shape.Fragment == 0 && s.Version > c.shape.Version && c.name != "plain" {
				t.Errorf("%s of %d bytes needs version %d, %d was the most", c.name, size, s.Version, c.shape.Version)
			}
		}
	}
}

// ATT-54: several bundles and all the dialects in view at once.
func TestInterleaved(t *testing.T) {
	j := NewJoiner(nil)
	var streams []*Stream
	want := map[string]bool{}
	for i, c := range shapes[:4] {
		for k := range 2 {
			if c.name == "bbqr" && k == 1 {
				continue // nothing tells two BBQr series of one shape apart
			}
			m := c.message
			m.Data = random(3000, uint64(10*i+k))
			streams = append(streams, stream(t, m, c.shape))
			want[string(m.Data)] = true
		}
	}
	for n := uint64(0); n < 200 && len(want) > 0; n++ {
		for _, s := range streams {
			if e := j.Add(s.Content(n)); e.Message != nil {
				if !want[string(e.Message.Data)] {
					t.Fatal("a message came that was not shown, or came twice")
				}
				delete(want, string(e.Message.Data))
			}
		}
	}
	if len(want) > 0 {
		t.Errorf("%d messages did not come", len(want))
	}
}

// Other things in view are named once, in words, and hinder nothing.
func TestOtherThingsInView(t *testing.T) {
	m := Message{Format: Native, Data: random(5000, 3)}
	s := stream(t, m, Shape{Format: Native, Version: 15})
	j := NewJoiner(func(m Message) error {
		if m.Format != Native {
			return errors.New(m.String() + " is not what is wanted here")
		}
		return nil
	})
	other := stream(t, Message{Format: UR, Type: "crypto-account", Data: random(100, 4)}, Shape{Format: UR, Version: 20})
	big := stream(t, Message{Format: BBQr, Type: "P", Data: random(9000, 4)}, Shape{Format: BBQr, Version: 20})
	notes := map[string]int{}
	came := false
	for n := uint64(0); n < 3*s.Pass && !came; n++ {
		for _, c := range [][]byte{
			[]byte("https://example.org/\x1b[2J"), other.Content(0), big.Content(n), []byte("bitcoin:bc1q"), {}, {0xc5, 0x1d, 0xff},
			[]byte("ur:bytes/1of4/abc"), bytes.Repeat([]byte{'x'}, 5000), []byte("just a text"), {0, 1, 2, 0xff},
		} {
			if e := j.Add(c); e.Note != "" {
				notes[e.Note]++
			} else if e.Message != nil {
				t.Fatal("a message that was not wanted")
			}
		}
		if e := j.Add(s.Content(n)); e.Message != nil {
			came = bytes.Equal(e.Message.Data, m.Data)
		}
	}
	if !came {
		t.Error("the message did not come")
	}
	all := ""
	for note, n := range notes {
		all += note + "\n"
		if n != 1 || strings.ContainsAny(note, "\x1b\n") {
			t.Errorf("%q was told %d times", note, n)
		}
	}
	for _, want := range []string{"a web address", "crypto-account", "BBQr of type P", `"bitcoin:"`, "an empty code", "version 1", "5000 characters", `"just a text"`, "no text"} {
		if !strings.Contains(all, want) {
			t.Errorf("nothing was said of %q in\n%s", want, all)
		}
	}
	for range 1000 {
		j.Add(random(20, rand.Uint64()))
	}
	if len(j.noted) > maxNotes {
		t.Errorf("%d notes are kept", len(j.noted))
	}
}

// A scan goes on after a restart, in every format, at every frame.
func TestResume(t *testing.T) {
	for _, c := range shapes[:5] {
		m := c.message
		m.Data = append([]byte(psbtMagic), random(4000, 5)...)
		s, j := stream(t, m, c.shape), NewJoiner(nil)
		var got *Message
		for n := uint64(0); n < 4*s.Pass && got == nil; n++ {
			got = j.Add(s.Content(n)).Message
			state, err := j.Save()
			if err != nil {
				t.Fatal(err)
			}
			j = NewJoiner(nil)
			if err := j.Restore(state); err != nil {
				t.Fatalf("%s: %v", c.name, err)
			}
		}
		if got == nil || !bytes.Equal(got.Data, m.Data) {
			t.Errorf("%s did not come", c.name)
		}
	}
	j := NewJoiner(nil)
	for _, bad := range []string{"", "coldsign scan 2\n", stateMagic, stateMagic + "\xff\xff\xff\xff", stateMagic + "\x00\x00\x00\x01x"} {
		if err := j.Restore([]byte(bad)); !fault.Is(err, "frame.state") {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestFromFile(t *testing.T) {
	p := append([]byte(psbtMagic), random(300, 6)...)
	u := stream(t, Message{Format: UR, Type: "crypto-psbt", Data: random(500, 7)}, Shape{Format: UR, Version: 40, Fragment: 100})
	var lines []string
	for n := range u.Pass {
		text, _ := u.Text(n)
		lines = append(lines, text)
	}
	for name, c := range map[string]struct {
		raw    []byte
		format Format
	}{
		"binary":  {p, Plain},
		"base64":  {[]byte(base64.StdEncoding.EncodeToString(p) + "\n"), Plain},
		"hex":     {[]byte(hex.EncodeToString(p)), Plain},
		"bundle":  {append([]byte{0xd2}, random(50, 1)...), Native},
		"nothing": {nil, Native},
		"text":    {[]byte("hello\n"), Native},
		"ur":      {[]byte(strings.Join(lines, "\r\n")), UR},
	} {
		m, err := FromFile(c.raw)
		if err != nil || m.Format != c.format {
			t.Errorf("%s: %v %v", name, m.Format, err)
		}
		if c.format == Plain && !bytes.Equal(m.Data, p) {
			t.Errorf("%s: %x", name, m.Data)
		}
	}
	if _, err := FromFile([]byte(lines[0])); !fault.Is(err, "scan.incomplete") {
		t.Errorf("one part of many: %v", err)
	}
}

func TestStreamRefuses(t *testing.T) {
	one := []byte{1}
	for name, c := range map[string]struct {
		m     Message
		shape Shape
		code  string
	}{
		"version":    {Message{Format: Native, Data: one}, Shape{Format: Native, Version: 41}, "qr.version"},
		"format":     {Message{Format: Native, Data: one}, Shape{Format: "morse", Version: 4}, "frame.format"},
		"only":       {Message{Format: UR, Type: "bytes", Data: one}, Shape{Format: UR, Version: 4, Only: "1"}, "frame.list"},
		"bbqr":       {Message{Format: UR, Type: "bytes", Data: one}, Shape{Format: BBQr, Version: 9}, "frame.format"},
		"only wrong": {Message{Format: Native, Data: one}, Shape{Format: Native, Version: 10, Only: "7"}, "frame.list"},
	} {
		if _, err := NewStream(c.m, c.shape); !fault.Is(err, c.code) {
			t.Errorf("%s: %v, want %s", name, err, c.code)
		}
	}
}

func FuzzJoiner(f *testing.F) {
	for _, c := range shapes {
		m := c.message
		m.Data = random(900, 8)
		s := stream(f, m, c.shape)
		f.Add(s.Content(0), s.Content(1))
	}
	f.Fuzz(func(t *testing.T, a, b []byte) {
		j := NewJoiner(nil)
		for _, c := range [][]byte{a, b, a} {
			if e := j.Add(c); strings.ContainsAny(e.Note, "\n\x1b") {
				t.Fatalf("%q", e.Note)
			}
		}
		state, err := j.Save()
		if err != nil {
			t.Fatal(err)
		}
		if err := NewJoiner(nil).Restore(state); err != nil {
			t.Fatal(err)
		}
	})
}
