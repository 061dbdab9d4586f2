package policy

import (
	"bytes"
	"testing"

	"aead.dev/minisign"

	"coldsign/offline/internal/approve"
)

// TestOperators: each has a key and a name of their own.
func TestOperators(t *testing.T) {
	key := func(n byte) string {
		pub, _, err := minisign.GenerateKey(bytes.NewReader(bytes.Repeat([]byte{n}, 32)))
		if err != nil {
			t.Fatal(err)
		}
		return pub.String()
	}
	// The same point under another key id.
	alias := "RWQ" + key(1)[3:]
	if a, err := approve.ParseKey(alias); err != nil || alias == key(1) {
		t.Fatalf("%v, %v", a, err)
	}
	op := func(name, key string) Operator { return Operator{name, key, []string{"approver"}} }
	for _, c := range []struct {
		list []Operator
		key  string
	}{
		{[]Operator{op("alice", key(1)), op("bob", key(2))}, ""},
		{[]Operator{op("alice", key(1)), op("bob", key(1))}, "key"},
		{[]Operator{op("alice", key(1)), op("bob", alias)}, "key"},
		{[]Operator{op("alice", key(1)), op("Alice", key(2))}, "name"},
		{[]Operator{op("alice", "")}, "key"},
		{[]Operator{op("alice", key(1)+"\n")}, "key"},
		{[]Operator{op("alice", "RWQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")}, "key"}, // a point that anybody signs for
		{[]Operator{{"alice", key(1), nil}}, "roles"},
		{[]Operator{{"alice", key(1), []string{"approver", "approver"}}}, "roles"},
	} {
		p := Policy{Operators: c.list}
		if _, key, err := p.checkOperators(); key != c.key || (err != nil) != (c.key != "") {
			t.Errorf("%v: %q %v", c.list, key, err)
		}
	}
}
