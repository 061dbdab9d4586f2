package review

import (
	"bytes"
	"math/big"
	"strings"
	"testing"

	"coldsign/offline/internal/policy"
	"coldsign/shared/bundle"
)

// A token's contract that only looks like a known one, and a call of one, are refused
// as a destination would be; the known contract, and one that shares but one end, are
// not.
func TestATT33ContractLookAlike(t *testing.T) {
	real := ref(t, ethReal, true, ethPath...)
	const near, far = "0xdac100000000000000000000000000000000" + "1ec7", "0xdac200000000000000000000000000000000" + "1ec7"
	for _, c := range []struct {
		to, data string
		refused  bool
	}{
		{usdt, "transfer", false},
		{near, "transfer", true},
		{far, "transfer", false},
		{usdt, "call", false},
		{near, "call", true},
		{far, "call", false},
		{"0x7099797000000000000000000000000017dc79c8", "call", true}, // of the book
		{near, "", true}, // coins to it
		{far, "", false},
	} {
		data := map[string][]byte{"transfer": transfer(t, friend, 1000), "call": unhex(t, "01020304")}[c.data]
		b, text := batch(t, compat(t), ether(t, ethMain, strings.ToLower(c.to), big.NewInt(1e17), data, real))
		v := b.Items[0].Verdict
		if v.Allow == c.refused || c.refused && (v.Code != "policy.warning" || !strings.Contains(text, "  !! NOT ")) {
			t.Errorf("%s to %s: %+v\n%s", c.data, c.to, v, text)
		}
	}
}

// compat is a reviewer of the operators' files that signs what it cannot explain.
func compat(t *testing.T) *Reviewer {
	t.Helper()
	r := named(t, "")
	var err error
	if r.Policy, err = policy.Preset("compat"); err != nil {
		t.Fatal(err)
	}
	return r
}

// What a person refuses is not judged again, takes nothing, and undo puts all back.
func TestAgain(t *testing.T) {
	real := ref(t, ethReal, true, ethPath...)
	var reqs []bundle.Request
	for i := range 5 {
		r := ether(t, ethMain, friend, big.NewInt(14e17), nil, real)
		r.ID[11] = byte(i)
		reqs = append(reqs, r)
	}
	reqs[4] = lamports(t, 5, ref(t, sol, true, solPath(t)...))
	r := named(t, oneRule)
	b, _ := batch(t, r, reqs...)
	allowed := func() (s string) {
		for i := range b.Items {
			s += map[bool]string{true: "+", false: "-"}[b.Items[i].Verdict.Allow]
		}
		return s
	}
	if got := allowed(); got != "++---" {
		t.Fatal(got)
	}
	before := b.Shown()
	if more, _ := r.Again(b); len(more) != 0 || allowed() != "++---" || !bytes.Equal(b.Shown(), before) {
		t.Fatalf("nothing was refused: %v %s", more, allowed())
	}
	if !b.Items[0].Refuse() || !b.Items[0].No() || b.Items[1].No() {
		t.Fatal("not refused")
	}
	more, undo := r.Again(b)
	if len(more) != 1 || more[0] != 2 || allowed() != "-++--" || b.Items[0].Verdict.Code != "operator.refused" || b.Items[4].Verdict.Code != "policy.no-rule" {
		t.Fatalf("%v %s", more, allowed())
	}
	undo()
	if allowed() != "-+---" || b.Items[2].Verdict.Code != "policy.bundle" {
		t.Fatal(allowed())
	}
	// What is put off as a whole stays so.
	b.Defer("bundle.expired", "over")
	if more, _ := r.Again(b); len(more) != 0 || strings.Contains(allowed(), "+") {
		t.Fatal(allowed())
	}
}

// A deadline is judged again: what it has overtaken is put off, and nothing else.
func TestATT48Overdue(t *testing.T) {
	real := ref(t, ethReal, true, ethPath...)
	var reqs []bundle.Request
	for i, deadline := range []int64{0, 1000, 1001, 1} {
		r := ether(t, ethMain, friend, big.NewInt(1e17), nil, real)
		r.ID[11], r.Deadline = byte(i), deadline
		reqs = append(reqs, r)
	}
	early := named(t, oneRule)
	early.Now = 1
	b, _ := batch(t, early, reqs...)
	b.Items[3].Repeat = true
	b.Overdue(1000)
	for i, code := range []string{"", "", "", ""} {
		if v := b.Items[i].Verdict; v.Code != code || !v.Allow {
			t.Errorf("%d at 1000: %+v", i, v)
		}
	}
	b.Overdue(1001)
	for i, code := range []string{"", "request.expired", "", ""} {
		if v := b.Items[i].Verdict; v.Code != code || v.Later != (code != "") || v.By != "p 3: friends" {
			t.Errorf("%d at 1001: %+v", i, v)
		}
	}
}

// The same verdicts under other files of the operators are another review.
func TestATT76ShownIsOfTheFiles(t *testing.T) {
	real := ref(t, ethReal, true, ethPath...)
	req := ether(t, ethMain, friend, big.NewInt(1e17), nil, real)
	var seen [][]byte
	for _, files := range [][]byte{nil, {1}, {2}, {1, 2}} {
		r := named(t, oneRule)
		r.InForce = files
		b, _ := batch(t, r, req)
		seen = append(seen, b.Shown())
	}
	for i := range seen {
		for j := range seen {
			if bytes.Equal(seen[i], seen[j]) != (i == j) || !bytes.Equal(seen[i][:32], seen[j][:32]) {
				t.Errorf("%d and %d", i, j)
			}
		}
	}
}

// Who asked is told to the policy, which may want to know.
func TestRequesterIsTold(t *testing.T) {
	real := ref(t, ethReal, true, ethPath...)
	for by, code := range map[string]string{"": "policy.requester", "carol": ""} {
		r := ether(t, ethMain, friend, big.NewInt(1e17), nil, real)
		r.Requester = by
		b, _ := batch(t, named(t, oneRule+"requester = \"named\"\n"), r)
		if v := b.Items[0].Verdict; v.Code != code {
			t.Errorf("by %q: %+v", by, v)
		}
	}
}
