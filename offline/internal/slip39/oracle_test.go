package slip39

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"coldsign/scripts/interop"
)

// The npm package slip39 combines what is split here, and its shares combine here.
func TestAgainstAnother(t *testing.T) {
	o, err := interop.Start()
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	for i, text := range []string{"1of1", "2of3", "3of5", "2:2of3,3of5", "2:1of1,2of2,3of5", "3of16"} {
		p, err := ParsePlan(text)
		if err != nil {
			t.Fatal(err)
		}
		for _, size := range []int{16, 18, 24, 32} {
			secret := make([]byte, size)
			rand.Read(secret)
			theirs(t, o, p, secret, i%2)
			ours(t, o, p, secret)
		}
	}
	var refusal interop.Refusal
	if err := o.Ask(interop.Question{"do": "unshare", "shares": []string{"academic"}, "passphrase": ""}, nil); !errors.As(err, &refusal) {
		t.Errorf("the other one takes anything: %v", err)
	}
}

func theirs(t *testing.T, o *interop.Oracle, p Plan, secret []byte, extendable int) {
	var groups [][]int
	for _, g := range p.Groups {
		groups = append(groups, []int{g.Threshold, g.Members})
	}
	var texts []string
	q := interop.Question{"do": "share", "secret": hex.EncodeToString(secret), "passphrase": "pass word", "threshold": p.Threshold, "groups": groups, "exponent": 1, "extendable": extendable}
	if err := o.Ask(q, &texts); err != nil {
		t.Fatalf("%v: %v", p, err)
	}
	a := arena(t)
	var shares []Share
	for _, text := range texts {
		s, err := Parse(a, []byte(text))
		if err != nil {
			t.Fatalf("%v: %v", p, err)
		}
		shares = append(shares, s)
	}
	for _, part := range append(sample(minimal(p, shares)), shares) {
		if got, err := Combine(a, part, []byte("pass word")); err != nil || !bytes.Equal(got, secret) {
			t.Errorf("%v, %v: %x, %v", p, part, got, err)
		}
	}
}

func ours(t *testing.T, o *interop.Oracle, p Plan, secret []byte) {
	a := arena(t)
	shares, err := Split(a, rand.Reader, secret, p, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range sample(minimal(p, shares)) {
		var texts []string
		for _, s := range part {
			w, err := s.Words(a)
			if err != nil {
				t.Fatal(err)
			}
			texts = append(texts, strings.Clone(string(w)))
		}
		var got string
		if err := o.Ask(interop.Question{"do": "unshare", "shares": texts, "passphrase": ""}, &got); err != nil || got != hex.EncodeToString(secret) {
			t.Errorf("%v, %v: %s, %v", p, part, got, err)
		}
	}
}

// sample keeps the first and the last of many: the other one takes its time.
func sample(parts [][]Share) [][]Share {
	if len(parts) > 3 {
		return [][]Share{parts[0], parts[1], parts[len(parts)-1]}
	}
	return parts
}
