package store

import (
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"

	"coldsign/online/internal/pending"
)

// listed are rows with what they pay: row i pays i*i of one of three assets.
func listed(t *testing.T, s *Store, n int) {
	t.Helper()
	for i := 1; i <= n; i++ {
		put(t, s, number(i, func(p *pending.Transaction) {
			p.Deadline = int64(i%4) * 1_900_000_000
			if i%2 == 0 {
				p.Chain = "ETH"
			}
		}))
	}
	for after := int64(0); ; {
		list, err := s.Unread(t.Context(), after, 7)
		ok(t, err)
		if len(list) == 0 {
			return
		}
		var sums []Summary
		for _, u := range list {
			after = u.N
			sums = append(sums, Summary{N: u.N, Wallets: u.Row.Hashes, Note: fmt.Sprintf("Invoice 100%% of %d_", u.N), Movements: []Movement{
				{Asset: string(rune('a' + u.N%3)), Symbol: "S", Decimals: 2, Amount: big.NewInt(u.N * u.N), To: fmt.Sprintf("addr%03d", u.N)},
				{Asset: "z", Amount: big.NewInt(1), To: "more"},
			}})
		}
		ok(t, s.Summarise(t.Context(), sums))
		ok(t, s.Summarise(t.Context(), sums)) // another process has done it
	}
}

// Every order goes through all rows once, page by page, whatever the size of it.
func TestPage(t *testing.T) {
	if onBoth(t, TestPage) {
		return
	}
	s := fresh(t)
	listed(t, s, 30)
	all := func(q Query) (ns []int64) {
		t.Helper()
		for q.Limit = 4; ; {
			page, err := s.Page(t.Context(), q)
			ok(t, err)
			for _, l := range page {
				ns = append(ns, l.N)
			}
			if len(page) < q.Limit {
				return ns
			}
			q.After = page[len(page)-1].Cursor()
		}
	}
	expect := func(name string, q Query, keep func(n int64) bool, less func(a, b int64) int) {
		t.Helper()
		var want []int64
		for n := int64(1); n <= 30; n++ {
			if keep(n) {
				want = append(want, n)
			}
		}
		slices.SortStableFunc(want, less)
		if got := all(q); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
	up, down := func(a, b int64) int { return int(a - b) }, func(a, b int64) int { return int(b - a) }
	every := func(int64) bool { return true }
	expect("newest", Query{}, every, down)
	expect("oldest", Query{Order: Oldest}, every, up)
	expect("chain", Query{Chain: "ETH"}, func(n int64) bool { return n%2 == 0 }, down)
	expect("state", Query{State: "pending"}, every, down)
	expect("open", Query{Open: true}, every, down)
	expect("none", Query{State: "failed"}, func(int64) bool { return false }, down)
	expect("asset", Query{Asset: "b"}, func(n int64) bool { return n%3 == 1 }, down)
	expect("largest", Query{Asset: "a", Order: Largest}, func(n int64) bool { return n%3 == 0 }, down)
	expect("smallest", Query{Asset: "a", Order: Smallest, Least: big.NewInt(10)}, func(n int64) bool { return n%3 == 0 && n*n >= 10 }, up)
	expect("second payment", Query{Asset: "z", Order: Largest}, every, down)
	expect("deadline", Query{Order: Soonest}, func(n int64) bool { return n%4 != 0 }, func(a, b int64) int {
		if a%4 != b%4 {
			return int(a%4 - b%4)
		}
		return int(a - b)
	})
	expect("wallet", Query{Wallet: "00000000-0000-0000-0000-000000000007"}, func(n int64) bool { return n == 7 }, up)
	for text, want := range map[string]func(int64) bool{
		"addr007":                  func(n int64) bool { return n == 7 },
		"addr00":                   func(n int64) bool { return n < 10 },
		"INVOICE 100% of 12_":      func(n int64) bool { return n == 12 },
		"100_":                     func(int64) bool { return false }, // no wildcard of LIKE
		"x' OR 1=1 --":             func(int64) bool { return false },
		number(9).ID.String():      func(n int64) bool { return n == 9 },
		"\U0010ffff\x00":           func(int64) bool { return false },
		strings.Repeat("addr", 30): func(int64) bool { return false },
	} {
		expect("search "+text, Query{Search: strings.ToValidUTF8(strings.ReplaceAll(text, "\x00", ""), "")}, want, down)
	}
	page, err := s.Page(t.Context(), Query{Limit: 1})
	ok(t, err)
	if l := page[0]; l.First == nil || l.First.Units() != "9 S (900 base units)" || l.First.To != "addr030" || l.Payments != 2 || l.Note == "" || !l.Created.Equal(epoch) {
		t.Errorf("%+v %+v", l, l.First)
	}
	paid, err := s.Recipients(t.Context(), 3)
	if err != nil || len(paid) != 3 || paid[0].Address != "addr030" || paid[0].Network != number(30).Network || paid[0].Payments != 1 {
		t.Errorf("%+v %v", paid, err)
	}
	// Rows of all states, mixed: open are those not at their end.
	for n := 1; n <= 30; n++ {
		if path := [][]pending.Event{nil, toExported, toSigned, toSent, toBroadcast, append(toBroadcast[:4:4], pending.Confirm)}[n%6]; path != nil {
			move(t, s, number(n).ID, path...)
		}
	}
	open := func(n int64) bool { return n%6 != 5 }
	expect("open of all states", Query{Open: true}, open, down)
	expect("the oldest open", Query{Open: true, Order: Oldest}, open, up)
	expect("open of a chain", Query{Open: true, Chain: "ETH"}, func(n int64) bool { return open(n) && n%2 == 0 }, down)
}

func TestSumsAndMarks(t *testing.T) {
	if onBoth(t, TestSumsAndMarks) {
		return
	}
	s := fresh(t)
	listed(t, s, 6)
	before, err := s.Mark(t.Context())
	ok(t, err)
	_, err = s.Cancel(t.Context(), Any, number(6).ID)
	ok(t, err)
	after, err := s.Mark(t.Context())
	ok(t, err)
	if before == after {
		t.Error("the mark stays")
	}
	list, err := s.Sums(t.Context())
	ok(t, err)
	var got []string
	for _, w := range list {
		got = append(got, fmt.Sprintf("%s %s %d*%s", w.State, w.Asset, w.Payments, w.Amount))
	}
	slices.Sort(got)
	if want := []string{"pending a 1*9", "pending b 2*17", "pending c 2*29", "pending z 5*5"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	counts, err := s.Counts(t.Context())
	ok(t, err)
	if counts[pending.Pending] != 5 || counts[pending.Cancelled] != 1 {
		t.Errorf("%v", counts)
	}
}
