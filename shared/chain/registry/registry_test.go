package registry

import (
	"slices"
	"testing"

	"coldsign/shared/chain"
)

// Every network is known to its codec, to no other, and names its chain.
func TestEveryNetworkHasOneCodec(t *testing.T) {
	r := New()
	seen := map[chain.ID]string{}
	for _, c := range r.All() {
		var ids []chain.ID
		for _, n := range c.Networks {
			if other, twice := seen[n.ID]; twice {
				t.Errorf("%s is listed by %s and %s", n.ID, other, c.Name)
			}
			seen[n.ID] = c.Name
			ids = append(ids, n.ID)
			if n.Chain != c.Name || n.Name == "" || n.Asset.ID != string(n.ID) || n.FeeCap == nil || n.FeeCap.Sign() <= 0 {
				t.Errorf("%s: incomplete entry %+v", n.ID, n)
			}
			got, gotNet, ok := r.ByNetwork(n.ID)
			if !ok || got.Name != c.Name || gotNet.ID != n.ID {
				t.Errorf("%s is not found by its id", n.ID)
			}
		}
		own := c.Codec.Networks()
		slices.Sort(ids)
		slices.Sort(own)
		if !slices.Equal(ids, own) {
			t.Errorf("%s: table %v, codec %v", c.Name, ids, own)
		}
	}
	if len(seen) < 3 {
		t.Fatalf("only %d networks", len(seen))
	}
	if _, _, ok := r.ByNetwork(""); ok {
		t.Error("the empty network is known")
	}
}
