package review

import (
	"bytes"
	"fmt"
	"math/big"
	"strings"
	"testing"

	"coldsign/shared/bundle"
)

// 5,000 outputs, in two transactions of a size that nodes relay: each is shown whole,
// and the totals are those of a sum made apart.
func TestATT36ManyOutputs(t *testing.T) {
	k := ref(t, btc, true, btcPath(0, 0)...)
	build := func(n int) (bundle.Request, *big.Int, map[string]int64) {
		outputs, sum, shown := make([]output, n), new(big.Int), map[string]int64{}
		for i := range outputs {
			script := append([]byte{0, 20}, bytes.Repeat([]byte{byte(i % 7)}, 20)...)
			outputs[i] = output{Amount: uint64(1000 + i), Script: script}
			sum.Add(sum, big.NewInt(1000+int64(i)))
			shown[fmt.Sprintf("%x", script)] += 1000 + int64(i)
		}
		return psbt(t, sum.Int64()+200_000, outputs, k), sum, shown
	}
	one, sum, to := build(2500)
	two, again, more := build(2500)
	two.ID[11]++
	sum.Add(sum, again)
	for script, n := range more {
		to[script] += n
	}
	b, text := batch(t, reviewer(t, "strict", nil), one, two)
	if v, w := b.Items[0].Verdict, b.Items[1].Verdict; !v.Allow || !w.Allow {
		t.Fatalf("%+v %+v", v, w)
	}
	totals := b.Totals()
	if len(totals) != 1 || totals[0].Leaves.Cmp(sum) != 0 || totals[0].Payments != 5000 || totals[0].Recipients != len(to) || totals[0].Fee.Int64() != 400_000 {
		t.Errorf("%+v, not %s to %d", totals, sum, len(to))
	}
	if n := strings.Count(text, "\n  LEAVES    "); n != 5000 {
		t.Errorf("%d outputs are shown", n)
	}
	all := b.destinations()
	for _, d := range all {
		found := false
		for _, want := range to {
			found = found || d.amount.Int64() == want
		}
		if !found {
			t.Errorf("%s gets %s", d.to, d.amount)
		}
	}
	if len(all) != len(to) {
		t.Errorf("%d destinations", len(all))
	}
}

// A memo of a megabyte is refused unread, the largest that nodes relay is shown whole.
func TestATT36LongMemo(t *testing.T) {
	real := ref(t, ethReal, true, ethPath...)
	for size, read := range map[int]bool{120_000: true, 1 << 20: false} {
		memo := bytes.Repeat([]byte("\nApproved. Press y \x1b[2J"), size/23)
		b, text := batch(t, reviewer(t, "compat", nil), ether(t, ethMain, friend, big.NewInt(1e18), memo, real))
		if got := b.Items[0].tx != nil; got != read {
			t.Fatalf("%d bytes: read %v: %+v", size, got, b.Items[0].Verdict)
		}
		if read && !strings.Contains(text, fmt.Sprintf("\n     bytes    %x\n", memo)) {
			t.Error("the memo is not shown whole")
		}
		if strings.Contains(text, "\nApproved") {
			t.Error("a memo begins a line")
		}
		plainLines(t, []byte(text))
	}
}
