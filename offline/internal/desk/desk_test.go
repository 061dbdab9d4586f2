package desk

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"coldsign/shared/frame/screen"
)

// batch is a review of n requests, the last of which was decided before.
func batch(n int) Content {
	c := Content{
		Title: fmt.Sprintf("BATCH 7 from the online half, %d requests", n),
		Lead: []string{"TOTALS of the requests that would be signed", "  ETH (eip155:1)", "    leaves   2.5 ETH (2500000000000000000 base units) in 5 payments to 2 recipients",
			"", "TO ADDRESSES THAT ARE IN NO ADDRESS BOOK", "  0x 7099 7970 C518 12dc 3A01 0C7d 01b5 0e0d 17dc 79C8", "    gets 2.5 ETH (2500000000000000000 base units) of ETH (eip155:1) in 5 payments", ""},
		Digest: "abandon zoo legal winner thank year wave sausage",
	}
	for i := range n {
		c.Items = append(c.Items, Item{
			Lines:  []string{fmt.Sprintf("%d  SIGN  ETH mainnet  65f0c0ffee01234567890%03x", i+1, i), "   0.5 ETH (500000000000000000 base units)", "   to 0x 7099 7970 C518 12dc 3A01 0C7d 01b5 0e0d 17dc 79C8"},
			Text:   strings.Split(fmt.Sprintf("REQUEST %d of %d\n%s", i+1, n, strings.Repeat("  detail: of the transaction\n", 40)), "\n"),
			Signed: true, Fixed: i == n-1,
		})
	}
	return c
}

func press(d *Desk, columns, rows int, keys ...any) {
	for _, k := range keys {
		switch k := k.(type) {
		case rune:
			d.Key(k)
			d.Screen(columns, rows)
		case string:
			for _, r := range k {
				d.Key(r)
				d.Screen(columns, rows)
			}
		}
	}
}

// golden compares a screen with what a person has looked at and kept.
func golden(t *testing.T, name string, lines []string) {
	t.Helper()
	path := filepath.Join("testdata", name+".txt")
	got := strings.Join(lines, "\n") + "\n"
	want, err := os.ReadFile(path)
	if err != nil || string(want) != got {
		t.Errorf("%s: %v; the screen is\n%s", path, err, got)
	}
}

func TestScreens(t *testing.T) {
	d := New(batch(9))
	golden(t, "first", d.Screen(80, 24))
	press(d, 80, 24, ' ')
	golden(t, "second", d.Screen(80, 24))
	press(d, 80, 24, 'g', screen.Down, screen.Down, '\r')
	golden(t, "inside", d.Screen(80, 24))
	press(d, 80, 24, 'r', "pays the wrong month")
	golden(t, "reason", d.Screen(80, 24))
	press(d, 80, 24, '\r')
	golden(t, "refused", d.Screen(80, 24))
	long := New(batch(20))
	long.Screen(80, 24)
	press(long, 80, 24, 'a')
	golden(t, "not-yet", long.Screen(80, 24))
	golden(t, "narrow", New(batch(2)).Screen(48, 12))
}

func TestATT36ApproveNeedsEveryLine(t *testing.T) {
	d := New(batch(30))
	d.Screen(80, 24)
	press(d, 80, 24, 'a', "abandon zoo", '\r')
	if d.Over() {
		t.Fatal("approved after one page of several")
	}
	press(d, 80, 24, 'G', 'a', "abandon zoo", '\r') // the last page, without those between
	if d.Over() {
		t.Fatal("approved with the middle unseen")
	}
	press(d, 80, 24, 'g')
	for range 30 {
		press(d, 80, 24, ' ')
	}
	press(d, 80, 24, 'a', "abandon legal", '\r')
	if d.Over() {
		t.Fatal("approved with the wrong words")
	}
	press(d, 80, 24, 'a', "ABANDON   ZOO", '\r')
	if o := d.Outcome(); !d.Over() || !o.Approved || len(o.Refused) != 0 {
		t.Fatalf("not approved: %+v", o)
	}
}

// A batch of 500, one of whose lines is a memo of a megabyte: no page can be passed
// over, and after the last one it can be approved.
func TestATT36ManyRequests(t *testing.T) {
	c := batch(500)
	memo := strings.Repeat("0123456789abcdef", 1<<16)
	c.Items[250].Lines = append(c.Items[250].Lines, "     bytes    "+memo)
	d := New(c)
	d.Screen(80, 24)
	var seen strings.Builder
	pages := 0
	for d.unseen() > 0 {
		for _, line := range d.Screen(80, 24)[1:22] {
			seen.WriteString(strings.TrimSpace(line))
		}
		if left := d.unseen(); left > 0 {
			if d.Key('a'); d.mode == words {
				t.Fatalf("to be approved with %d lines unseen", left)
			}
		}
		press(d, 80, 24, ' ')
		if pages++; pages > 2000 {
			t.Fatal("it does not end")
		}
	}
	if !strings.Contains(seen.String(), memo) || pages < 700 {
		t.Errorf("the memo was not on the %d pages", pages)
	}
	press(d, 80, 24, 'a', "abandon zoo", '\r')
	if !d.Outcome().Approved {
		t.Error("not approved after the last page")
	}
}

// A window of another width shows other lines: they are to be seen anew. One of
// another height does not.
func TestResize(t *testing.T) {
	d := New(batch(3))
	d.Screen(80, 60)
	if d.unseen() != 0 {
		t.Fatal("a large window does not show all")
	}
	d.Screen(80, 12)
	if d.unseen() != 0 {
		t.Error("a lower window forgot what was shown")
	}
	d.Screen(60, 12)
	press(d, 60, 12, 'a')
	if d.mode == words || d.unseen() == 0 {
		t.Error("a narrower window was taken for seen")
	}
	for _, s := range [][2]int{{0, 0}, {1, 1}, {39, 24}, {80, 9}, {40, 10}, {500, 200}} {
		for _, line := range d.Screen(s[0], s[1]) {
			if len(line) > s[0] {
				t.Errorf("%v: a line of %d", s, len(line))
			}
		}
		if n := len(d.Screen(s[0], s[1])); n != s[1] {
			t.Errorf("%v: %d lines", s, n)
		}
	}
}

func TestRefuse(t *testing.T) {
	d := New(batch(3))
	d.Screen(80, 60)
	press(d, 80, 60, 'r', '\r', screen.Down, 'r', "not  ours", rune(0x7f), 's', '\r', screen.Down, 'r')
	if len(d.refused) != 1 || d.refused[1] != "not ours" || !strings.Contains(d.said, "decided before") {
		t.Fatalf("%v, %q", d.refused, d.said)
	}
	press(d, 80, 60, screen.Up, 'u')
	if len(d.refused) != 0 {
		t.Error("a refusal cannot be taken back")
	}
	press(d, 80, 60, 'r', "x", screen.Esc)
	if len(d.refused) != 0 {
		t.Error("escape refuses")
	}
	press(d, 80, 60, 'r', strings.Repeat("x", 500), '\r', 'q')
	if o := d.Outcome(); !d.Over() || o.Approved || len(o.Refused) != 0 {
		t.Errorf("stopped, and yet: %+v", o)
	}
}

// Nothing that is pressed at random approves, breaks, or runs out of the screen.
func FuzzKeys(f *testing.F) {
	f.Add([]byte("  a\rq"), uint8(80), uint8(24))
	f.Add([]byte("\x1b[B\x1b[Brwhy\r   aabandon legal\r"), uint8(40), uint8(10))
	f.Fuzz(func(t *testing.T, keys []byte, columns, rows uint8) {
		d := New(batch(5))
		d.content.Digest = "\x01 \x02"
		for len(keys) > 0 && !d.Over() {
			for _, line := range d.Screen(int(columns), int(rows)) {
				if len(line) > int(columns) {
					t.Fatal("a line is too long")
				}
			}
			var k rune
			k, keys = screen.Key(keys)
			d.Key(k)
		}
		if d.Outcome().Approved {
			t.Fatal("approved")
		}
	})
}

func TestATT34HostileLinesStayLines(t *testing.T) {
	c := batch(1)
	c.Lead = []string{"\x1b[2Jgone\r\n", strings.Repeat("x", 300), "\u202e"}
	for _, line := range New(c).Screen(80, 24) {
		if strings.ContainsFunc(line, func(r rune) bool { return r < ' ' || r > '~' }) || len(line) > 80 {
			t.Errorf("%q", line)
		}
	}
}
