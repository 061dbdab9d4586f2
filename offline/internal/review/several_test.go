package review

import (
	"slices"
	"testing"

	"coldsign/shared/bundle"
	"coldsign/shared/chain/bitcoin"
)

// Only one wallet that signs has change.
func TestSeveral(t *testing.T) {
	a, b, back := ref(t, btc, true, btcPath(0, 0)...), ref(t, btc2, true, btcPath(0, 0)...), ref(t, btc, false, btcPath(0, 1)...)
	watched := b
	watched.Sign = false
	for name, c := range map[string]struct {
		refs []bundle.KeyRef
		own  bool
	}{
		"one":        {[]bundle.KeyRef{a, back}, true},
		"one of two": {[]bundle.KeyRef{a, back, watched}, true},
		"two":        {[]bundle.KeyRef{a, b, back}, false},
	} {
		var in []bitcoin.Input
		for _, r := range c.refs {
			if r.Sign {
				in = append(in, coin(t, pays(r.Key), 50_000))
			}
		}
		payload, err := bitcoin.BuildPSBT(2, 0, in, []output{{Amount: 20_000, Script: pays(back.Key)}, {Amount: 25_000, Script: stranger}})
		if err != nil {
			t.Fatal(err)
		}
		it := explain(t, bundle.Request{ID: bundle.ID{1}, Network: regtest, Keys: c.refs, Payload: payload}).Items[0]
		if it.tx == nil || (it.Own[0] != "") != c.own || it.Own[1] != "" || it.back[0] == "" {
			t.Errorf("%s: %+v, own %q, back %q", name, it.Verdict, it.Own, it.back)
		}
		if want := map[bool]int{true: 1, false: 2}[c.own]; len(slices.Compact(slices.Clone(it.spends))) != want {
			t.Errorf("%s: it spends coins of %v", name, it.spends)
		}
	}
}
