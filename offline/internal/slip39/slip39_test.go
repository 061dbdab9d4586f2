package slip39

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	mrand "math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"coldsign/offline/internal/memory"
	"coldsign/shared/fault"
)

const testdata = "../../../testdata/slip39"

func arena(t testing.TB) *memory.Arena {
	t.Helper()
	a, err := memory.NewArena()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.Close)
	return a
}

type vector struct {
	name, secret string
	shares       []string
}

// vectors are the 45 of the standard.
func vectors(t testing.TB) (list []vector) {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(testdata, "vectors.json"))
	if err != nil {
		t.Fatal(err)
	}
	var rows [][4]json.RawMessage
	if err := json.Unmarshal(raw, &rows); err != nil {
		t.Fatal(err)
	}
	for _, r := range rows {
		var v vector
		for i, to := range []any{&v.name, &v.shares, &v.secret} {
			if err := json.Unmarshal(r[i], to); err != nil {
				t.Fatal(err)
			}
		}
		list = append(list, v)
	}
	if len(list) != 45 {
		t.Fatalf("%d vectors, not 45", len(list))
	}
	return list
}

func combine(a *memory.Arena, texts []string, passphrase string) ([]byte, error) {
	var shares []Share
	for _, text := range texts {
		s, err := Parse(a, []byte(text))
		if err != nil {
			return nil, err
		}
		shares = append(shares, s)
	}
	return Combine(a, shares, []byte(passphrase))
}

// refusal is the code that a vector's own words ask for.
func refusal(name string) string {
	for _, c := range []struct{ words, code string }{
		{"invalid checksum", "share.checksum"}, {"invalid padding", "share.format"}, {"Basic sharing", "share.few"},
		{"different", "share.set"}, {"mismatching", "share.set"}, {"greater group threshold", "share.format"},
		{"duplicate member", "share.set"}, {"invalid digest", "share.digest"}, {"nsufficient number", "share.few"},
		{"insufficient length", "share.length"}, {"invalid master secret length", "share.format"},
	} {
		if strings.Contains(name, c.words) {
			return c.code
		}
	}
	return "none"
}

func TestVectors(t *testing.T) {
	good := 0
	for _, v := range vectors(t) {
		a := arena(t)
		secret, err := combine(a, v.shares, "TREZOR")
		if v.secret == "" {
			if code := refusal(v.name); fault.Code(err) != code {
				t.Errorf("%s: %v, want %s", v.name, err, code)
			}
			quiet(t, err, v.shares)
			continue
		}
		good++
		if err != nil || hex.EncodeToString(secret) != v.secret {
			t.Errorf("%s: %x, %v", v.name, secret, err)
		}
		// What was read is written as it was.
		for _, text := range v.shares {
			s, err := Parse(a, []byte(text))
			if err != nil {
				t.Fatal(err)
			}
			if again, err := s.Words(a); err != nil || string(again) != text {
				t.Errorf("%s: written as %q, %v", v.name, again, err)
			}
		}
	}
	if good != 15 {
		t.Errorf("%d vectors with a secret", good)
	}
}

// quiet wants no word of a share in an error.
func quiet(t *testing.T, err error, texts []string) {
	t.Helper()
	said := strings.FieldsFunc(fmt.Sprint(err), func(r rune) bool { return r < 'a' || r > 'z' })
	for _, text := range texts {
		for _, w := range strings.Fields(text)[2:] { // the first two name the set
			// These are on the list, and are what we say too.
			if slices.Contains(said, w) && !slices.Contains([]string{"change", "paper", "together", "word"}, w) {
				t.Errorf("the error shows the word %q: %v", w, err)
			}
		}
	}
}

func TestWordList(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(testdata, "wordlist.txt"))
	if err != nil {
		t.Fatal(err)
	}
	// The sum that SLIP-0039 itself gives for its list.
	if sum := sha256.Sum256(text); hex.EncodeToString(sum[:]) != "bcc4555340332d169718aed8bf31dd9d5248cb7da6e5d355140ef4f1e601eec3" {
		t.Fatalf("the list has the SHA-256 %x", sum)
	}
	if !slices.Equal(list(), strings.Fields(string(text))) {
		t.Error("the list is another")
	}
	for i, w := range list() {
		if at, ok := find(list(), []byte(w)); !ok || int(at) != i {
			t.Errorf("%q is found at %d: %v", w, at, ok)
		}
		if len(w) > maxWord {
			t.Errorf("%q is too long", w)
		}
	}
	for _, w := range []string{"", "academi", "academics", "\x00", "academic\x00", "zzzz"} {
		if _, ok := find(list(), []byte(w)); ok {
			t.Errorf("%q is found", w)
		}
	}
}

func TestField(t *testing.T) {
	if mul(0x57, 0x83) != 0xc1 || mul(0x57, 0x13) != 0xfe { // FIPS 197, section 4.2
		t.Error("products are wrong")
	}
	for a := 1; a < 256; a++ {
		if mul(byte(a), inverse(byte(a))) != 1 {
			t.Errorf("inverse of %d", a)
		}
	}
}

// subsets gives every way to take k of n.
func subsets(n, k int) (all [][]int) {
	for m := range 1 << n {
		var s []int
		for i := range n {
			if m>>i&1 == 1 {
				s = append(s, i)
			}
		}
		if len(s) == k {
			all = append(all, s)
		}
	}
	return all
}

// minimal gives every smallest sufficient part of a set.
func minimal(p Plan, shares []Share) (all [][]Share) {
	starts := make([]int, len(p.Groups))
	for i := range p.Groups[1:] {
		starts[i+1] = starts[i] + p.Groups[i].Members
	}
	for _, groups := range subsets(len(p.Groups), p.Threshold) {
		parts := [][]Share{nil}
		for _, g := range groups {
			var more [][]Share
			for _, part := range parts {
				for _, members := range subsets(p.Groups[g].Members, p.Groups[g].Threshold) {
					next := slices.Clone(part)
					for _, m := range members {
						next = append(next, shares[starts[g]+m])
					}
					more = append(more, next)
				}
			}
			parts = more
		}
		all = append(all, parts...)
	}
	return all
}

func TestEverySufficientPart(t *testing.T) {
	for text, want := range map[string]int{"1of1": 1, "2of2": 1, "2of3": 3, "3of5": 10, "16of16": 1, "2:2of3,3of5": 30, "1:2of3,1of1": 4, "2:2of3,1of1,2of2": 7} {
		p, err := ParsePlan(text)
		if err != nil || p.String() != text {
			t.Fatalf("%s: %v, %v", text, p, err)
		}
		size := 16 + 2*(len(text)%9)
		secret := make([]byte, size)
		rand.Read(secret)
		a := arena(t)
		shares, err := Split(a, rand.Reader, secret, p, []byte("x"))
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		for i := range shares {
			words, err := shares[i].Words(a)
			if err != nil {
				t.Fatal(err)
			}
			if shares[i], err = Parse(a, words); err != nil {
				t.Fatalf("%s: %v", text, err)
			}
		}
		parts := minimal(p, shares)
		if len(parts) != want {
			t.Fatalf("%s: %d parts, want %d", text, len(parts), want)
		}
		for _, part := range append(parts, shares) {
			slices.Reverse(part)
			if got, err := Combine(a, part, []byte("x")); err != nil || !bytes.Equal(got, secret) {
				t.Errorf("%s: %v give %x, %v", text, part, got, err)
			}
		}
		for _, part := range parts {
			if _, err := Combine(a, part[1:], []byte("x")); fault.Code(err) != "share.few" {
				t.Errorf("%s without one share: %v", text, err)
			}
		}
		if got, err := Combine(a, parts[0], nil); err != nil || bytes.Equal(got, secret) {
			t.Errorf("%s without the passphrase: %v", text, err)
		}
	}
}

// ATT-75: each wrong set is told from the others, and beside it stands the right one.
func TestATT75WrongShares(t *testing.T) {
	a := arena(t)
	p := Plan{1, []Group{{2, 3}}}
	secret := bytes.Repeat([]byte{7, 9}, 16)
	// The same shares every time: their words are not among those of our own sentences.
	random := mrand.NewChaCha8([32]byte{7})
	set := func() (texts []string) {
		shares, err := Split(a, random, secret, p, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range shares {
			w, err := s.Words(a)
			if err != nil {
				t.Fatal(err)
			}
			texts = append(texts, string(w))
		}
		return texts
	}
	one, two := set(), set()
	if got, err := combine(a, one[1:], ""); err != nil || !bytes.Equal(got, secret) {
		t.Fatalf("%x, %v", got, err)
	}
	if got, err := combine(a, []string{strings.ToUpper(one[2]), "\t " + strings.ReplaceAll(one[0], " ", "\n")}, ""); err != nil || !bytes.Equal(got, secret) {
		t.Errorf("in capitals and on lines: %v", err)
	}
	words := strings.Fields(one[0])
	changed := func(i int, w string) string {
		c := slices.Clone(words)
		c[i] = w
		return strings.Join(c, " ")
	}
	next := func(w string) string {
		at, _ := find(list(), []byte(w))
		return list()[(int(at)+1)%1024]
	}
	swapped := slices.Clone(words)
	for i := 10; swapped[10] == words[10]; i++ {
		swapped[10], swapped[i+1] = swapped[i+1], swapped[10]
	}
	for name, c := range map[string]struct {
		texts []string
		code  string
		says  string
	}{
		"too few":         {one[:1], "share.few", "1 of 2"},
		"none":            {nil, "share.few", ""},
		"twice":           {[]string{one[1], one[1]}, "share.twice", "share 2"},
		"mixed":           {[]string{one[0], two[1]}, "share.set", ""},
		"one of another":  {[]string{one[0], one[1], two[2]}, "share.set", ""},
		"not on the list": {[]string{changed(17, "coldsign"), one[1]}, "share.word", "word 18 "},
		"first word":      {[]string{changed(0, ""+"qqq"), one[1]}, "share.word", "word 1 "},
		"two words":       {[]string{strings.Join(swapped, " "), one[1]}, "share.checksum", ""},
		"short":           {[]string{strings.Join(words[:19], " ")}, "share.length", "19"},
		"one word less":   {[]string{strings.Join(words[:32], " "), one[1]}, "share.checksum", ""},
		"one word more":   {[]string{one[0] + " academic", one[1]}, "share.length", "34"},
		"empty":           {[]string{""}, "share.length", ""},
		"huge":            {[]string{strings.Repeat("a", 1025)}, "share.length", ""},
	} {
		_, err := combine(a, c.texts, "")
		if fault.Code(err) != c.code || !strings.Contains(fmt.Sprint(err), c.says) {
			t.Errorf("%s: %v, want %s", name, err, c.code)
		}
		quiet(t, err, one)
	}
	// One word wrong, each in turn.
	for i, w := range words {
		if _, err := Parse(a, []byte(changed(i, next(w)))); fault.Code(err) != "share.checksum" {
			t.Errorf("word %d wrong: %v", i+1, err)
		}
	}
}

// A share with right words and a wrong value is noticed, even as one too many.
func TestForgedShare(t *testing.T) {
	a := arena(t)
	for _, p := range []Plan{{1, []Group{{2, 3}}}, {2, []Group{{1, 1}, {1, 1}, {1, 1}}}, {1, []Group{{1, 1}, {1, 1}, {1, 1}}}} {
		shares, err := Split(a, rand.Reader, make([]byte, 32), p, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Combine(a, shares, nil); err != nil {
			t.Fatal(err)
		}
		for i := range shares {
			for b := range 256 {
				shares[i].value[b/8] ^= 1 << (b % 8)
				if _, err := Combine(a, shares, nil); fault.Code(err) != "share.digest" {
					t.Fatalf("%v, bit %d of %v: %v", p, b, shares[i], err)
				}
				shares[i].value[b/8] ^= 1 << (b % 8)
			}
		}
	}
}

func TestPlans(t *testing.T) {
	for _, text := range []string{"1of1", "2of16", "1:1of1,2of2", "2:2of3,3of5", "16:" + strings.Repeat("1of1,", 15) + "1of1"} {
		if p, err := ParsePlan(text); err != nil || p.String() != text {
			t.Errorf("%s: %v, %v", text, p, err)
		}
	}
	for _, text := range []string{"", "2", "of", "3of2", "0of1", "1of2", "2of17", "02of3", "2of3 ", "+2of3", "2:2of3", "1:2of3", "3:2of3,2of3", "0:2of3,2of3", "2of3,2of3",
		"2:2of3,", ":2of3,2of3", "1:" + strings.Repeat("1of1,", 16) + "1of1", strings.Repeat("9", 97)} {
		if p, err := ParsePlan(text); fault.Code(err) != "share.plan" {
			t.Errorf("%q: %v, %v", text, p, err)
		}
	}
	a := arena(t)
	for _, n := range []int{0, 14, 17, 34} {
		if _, err := Split(a, rand.Reader, make([]byte, n), Plan{1, []Group{{2, 3}}}, nil); fault.Code(err) != "share.secret" {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
	if _, err := Split(a, rand.Reader, make([]byte, 16), Plan{1, []Group{{1, 3}}}, nil); fault.Code(err) != "share.plan" {
		t.Errorf("1of3: %v", err)
	}
	if _, err := Split(a, bytes.NewReader(nil), make([]byte, 16), Plan{1, []Group{{2, 3}}}, nil); err == nil {
		t.Error("a source that gives nothing is taken")
	}
}

// What others may have made and would take hours is refused at once.
func TestWork(t *testing.T) {
	a := arena(t)
	s := Share{Exponent: maxExponent + 1, GroupThreshold: 1, Groups: 1, Threshold: 1, value: make([]byte, 16)}
	words, err := s.Words(a)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := combine(a, []string{string(words)}, ""); fault.Code(err) != "share.work" {
		t.Errorf("%v", err)
	}
}

func TestPrintsNoValue(t *testing.T) {
	s := Share{ID: 0x1234, Groups: 2, Group: 1, value: []byte("secret value 123")}
	for _, f := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d"} {
		if got := fmt.Sprintf(f, s); got != "set 1234 group 2, share 1" {
			t.Errorf("%s prints %q", f, got)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, v := range vectors(f) {
		f.Add([]byte(v.shares[0]))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		a := arena(t)
		s, err := Parse(a, text)
		if err != nil {
			return
		}
		again, err := s.Words(a)
		if err != nil || !bytes.Equal(again, bytes.ToLower(bytes.Join(bytes.Fields(text), []byte(" ")))) {
			t.Errorf("%q is written as %q: %v", text, again, err)
		}
	})
}

func FuzzPlan(f *testing.F) {
	for _, text := range []string{"2of3", "2:2of3,3of5", "1:1of1,1of1", "16of16", "2:", "of"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if p, err := ParsePlan(text); err == nil && (p.String() != text || !p.valid()) {
			t.Errorf("%q is read as %q", text, p.String())
		}
	})
}
