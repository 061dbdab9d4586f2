package parts

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"coldsign/shared/fault"
)

func add(t *testing.T, c *Collector, text string) Progress {
	t.Helper()
	part, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	p, err := c.Add(part)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestSplitAndJoin(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		text := strings.Repeat("cHNidP8BAHUCAAAAASaBcTce3/KF6Tet7qSze3g ", 1+r.IntN(60))[r.IntN(20):]
		size := 20 + r.IntN(200)
		list, err := Split(text, size)
		if err != nil {
			t.Fatal(err)
		}
		room := size - len(fmt.Sprintf("p%dof%d ", len(list), len(list)))
		if least := (len(text) + room - 1) / room; len(list) > least+1 { // a digit more may cost one
			t.Errorf("%d bytes in parts of %d are %d parts, where %d would do", len(text), size, len(list), least)
		}
		var c Collector
		for i, n := range r.Perm(len(list)) {
			if len(list[n]) > size {
				t.Errorf("a part of %d bytes, not %d", len(list[n]), size)
			}
			p := add(t, &c, list[n])
			if again := add(t, &c, list[n]); again.Parts != nil || again.Have != i+1 {
				t.Fatalf("a part that came twice: %+v", again)
			}
			if p.Done != (i == len(list)-1) || p.Done != (p.Parts != nil) || p.Have != i+1 || p.Total != len(list) {
				t.Fatalf("part %d of %d: %+v", i+1, len(list), p)
			}
			if missing := c.Missing(p.Series); len(missing) != len(list)-i-1 || slices.Contains(missing, n) {
				t.Fatalf("missing %v", missing)
			}
			if p.Done && string(bytes.Join(p.Parts, nil)) != text {
				t.Fatal("joined to another text")
			}
		}
	}
}

// As find_min_num_parts and to_qr_codes of Krux (qr.py) cut 41 characters for 20.
func TestKrux(t *testing.T) {
	want := []string{"p1of3 0123456789abcd", "p2of3 efghijklmnopqr", "p3of3 stuvwxyzABCDE"}
	got, err := Split("0123456789abcdefghijklmnopqrstuvwxyzABCDE", 20)
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%q, %v", got, err)
	}
	if got, err := Split("short", 20); err != nil || !slices.Equal(got, []string{"p1of1 short"}) {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := Split(strings.Repeat("a", 2000), 10); !fault.Is(err, "parts.size") {
		t.Error(err)
	}
}

func TestParseRefuses(t *testing.T) {
	var c Collector
	for _, text := range []string{"", "p1of3", "p1of3 ", "p0of3 a", "p01of3 a", "p4of3 a", "p1of0 a", "p1of1296 a", "p1of99999 a",
		"p-1of3 a", "P1OF3 a", "p1of3a", " p1of3 a", "p9999of9999 a", "p1of3 " + strings.Repeat("a", MaxPart+1)} {
		p, err := Parse(text)
		if err == nil {
			_, err = c.Add(p)
		}
		if !fault.Is(err, "parts.part") {
			t.Errorf("%.20q: %v", text, err)
		}
	}
	if len(c.all) != 0 {
		t.Error("a part that was refused is kept")
	}
}

// A false part costs its series, and one clean loop repairs it; a part of the next
// series after one that is done is no error at all.
func TestConflict(t *testing.T) {
	for name, bad := range map[string]string{"other data": "p2of3 XX", "other length": "p2of3 X"} {
		for at := range 3 {
			var c Collector
			done := upTo(t, &c, at, bad)
			if done {
				t.Errorf("%s after part %d: given out", name, at)
			}
			for i := range 3 {
				p, _ := c.Add(Part{"p of 3", i, 3, []byte{'a', byte('0' + i)}})
				done = done || p.Parts != nil && string(bytes.Join(p.Parts, nil)) == "a0a1a2"
			}
			for i := range 3 {
				p, _ := c.Add(Part{"p of 3", i, 3, []byte{'a', byte('0' + i)}})
				done = done || p.Parts != nil && string(bytes.Join(p.Parts, nil)) == "a0a1a2"
			}
			if !done {
				t.Errorf("%s after part %d: two clean loops, and nothing", name, at)
			}
		}
	}
	var c Collector
	add(t, &c, "p1of2 aa")
	if p := add(t, &c, "p2of2 b"); !p.Done || string(bytes.Join(p.Parts, nil)) != "aab" {
		t.Fatalf("%+v", p)
	}
	if p := add(t, &c, "p2of2 c"); p.Done || p.Have != 1 {
		t.Fatalf("%+v", p)
	}
	if p := add(t, &c, "p1of2 dd"); string(bytes.Join(p.Parts, nil)) != "ddc" {
		t.Fatalf("%+v", p)
	}
}

// upTo feeds parts up to at, then one that does not belong.
func upTo(t *testing.T, c *Collector, at int, text string) bool {
	for i := range at {
		if _, err := c.Add(Part{"p of 3", i, 3, []byte{'a', byte('0' + i)}}); err != nil {
			t.Fatal(err)
		}
	}
	p, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.Add(p)
	if at > 1 && !fault.Is(err, "parts.conflict") {
		t.Errorf("after %d parts: %v", at, err)
	}
	return out.Done
}

// Series are kept apart and bounded: a million others push out each other.
func TestManySeries(t *testing.T) {
	var c Collector
	add(t, &c, "p1of3 aa")
	add(t, &c, "p2of3 bb")
	for i := range 100_000 {
		if _, err := c.Add(Part{Series: fmt.Sprint(i), Index: 1, Total: 2, Data: []byte("x")}); err != nil {
			t.Fatal(err)
		}
	}
	if len(c.all) != MaxSeries {
		t.Errorf("%d series", len(c.all))
	}
	if p := add(t, &c, "p3of3 c"); string(bytes.Join(p.Parts, nil)) != "aabbc" {
		t.Errorf("%+v", p)
	}
	c.Forget("p of 3")
	if p := add(t, &c, "p3of3 c"); p.Have != 1 {
		t.Errorf("forgotten, and yet %+v", p)
	}
}

func TestState(t *testing.T) {
	var c Collector
	add(t, &c, "p1of2 done")
	add(t, &c, "p2of2 done")
	add(t, &c, "p2of3 aa")
	add(t, &c, "p1of3 bb")
	if _, err := c.Add(Part{"B$2P02", 1, 2, []byte{0, 255}}); err != nil {
		t.Fatal(err)
	}
	state, err := c.Save()
	if err != nil {
		t.Fatal(err)
	}
	var d Collector
	if err := d.Restore(state); err != nil {
		t.Fatal(err)
	}
	again, err := d.Save()
	if err != nil || !bytes.Equal(again, state) {
		t.Errorf("another state: %v", err)
	}
	if p := add(t, &d, "p3of3 c"); string(bytes.Join(p.Parts, nil)) != "bbaac" {
		t.Errorf("%+v", p)
	}
	if p := add(t, &d, "p1of2 done"); p.Have != 1 {
		t.Errorf("what was done is in the state: %+v", p)
	}
	for i := range state {
		bad := bytes.Clone(state)
		bad[i] ^= 1
		if err := d.Restore(bad); !fault.Is(err, "parts.state") {
			t.Fatalf("byte %d changed: %v", i, err)
		}
		if err := d.Restore(state[:i]); !fault.Is(err, "parts.state") {
			t.Fatalf("cut to %d bytes: %v", i, err)
		}
	}
	if m := d.Missing("B$2P02"); !slices.Equal(m, []int{0}) {
		t.Errorf("a failed Restore left %v", m)
	}
	if empty, err := new(Collector).Save(); err != nil || new(Collector).Restore(empty) != nil {
		t.Error("the state of nothing")
	}
}

// FuzzParts: what parses is written the same, and no order of parts breaks a
// collector or gives what was not put in.
func FuzzParts(f *testing.F) {
	for _, s := range []string{"p1of3 abc", "p12of12 \n", "p1of1295 x", "p0of1 ", "p1of2 a\x00p2of2 b\x00p1of2 c"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, in string) {
		var c Collector
		for text := range strings.SplitSeq(in, "\x00") {
			p, err := Parse(text)
			if err != nil {
				continue
			}
			if again := fmt.Sprintf("p%dof%d %s", p.Index+1, p.Total, p.Data); again != text {
				t.Fatalf("%q is written %q", text, again)
			}
			out, err := c.Add(p)
			if err == nil && (out.Have < 1 || out.Have > out.Total || out.Done && len(c.Missing(out.Series)) > 0) {
				t.Fatalf("%+v", out)
			}
			for _, part := range out.Parts {
				if !strings.Contains(in, string(part)) {
					t.Fatalf("%q never came", part)
				}
			}
		}
	})
}

// FuzzState: no state, sound checksum or not, breaks a collector.
func FuzzState(f *testing.F) {
	var c Collector
	c.Add(Part{"p of 2", 0, 2, []byte("a")})
	state, err := c.Save()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(state[len(stateMagic) : len(state)-32])
	f.Add([]byte{0x9b, 255, 255, 255, 255, 255, 255, 255, 255})
	f.Fuzz(func(t *testing.T, body []byte) {
		var d Collector
		if err := d.Restore(seal(body)); err != nil {
			return
		}
		for _, s := range d.all {
			if s.done || s.have < 1 {
				t.Fatalf("%+v", s)
			}
		}
	})
}
