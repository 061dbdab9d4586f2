package bitcoin

import (
	"encoding/json"
	"testing"

	"coldsign/online/internal/chain/nodetest"
	"coldsign/online/internal/chain/transport"
	"coldsign/shared/chain"
	"coldsign/shared/fault"
)

// A node is taken for its own network alone, whichever of those with one block 0 it is
// of; one that has not come to the fork is taken for none of them.
func TestCheckTellsForks(t *testing.T) {
	const (
		btc, btcTest = chain.ID("bip122:000000000019d6689c085ae165831e93"), chain.ID("bip122:000000000933ea01ad0ee984209779ba")
		bch, bchTest = chain.ID("bip122:000000000000000000651ef99cb9fcbe"), chain.ID("bip122:00000000000e38fef93ed9582a7df438")
		zero         = "000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f"
		zeroTest     = "000000000933ea01ad0ee984209779baaec3ced90fa3f408719526f8d77f4943"
		first        = "000000000000000000651ef99cb9fcbe0dadde1d424bd9f15ff20136191a5eec"
		firstTest    = "00000000000e38fef93ed9582a7df43815d5c2ba9fd37ef70c9a0ea4a285b8f5"
		other        = "00000000000000000019f112ec0a9982926f1258cdcc558dd7c3b7e5dc7fa148"
	)
	nodes := map[string]struct {
		of     chain.ID // "" of none
		blocks map[int]string
	}{
		"Bitcoin":               {btc, map[int]string{0: zero, 478559: other, 661648: other}},
		"Bitcoin, new":          {"", map[int]string{0: zero}},
		"testnet3":              {btcTest, map[int]string{0: zeroTest, 1155876: other, 1421482: other}},
		"Bitcoin Cash":          {bch, map[int]string{0: zero, 478559: first, 661648: "0000000000000000029e471c41818d24b8b74c911071c4ef0b4a0509f9b5a8ce"}},
		"its testnet3":          {bchTest, map[int]string{0: zeroTest, 1155876: firstTest, 1421482: "0000000023e0680a8a062b3cc289a4a341124ce7fcb6340ede207e194d73b60a"}},
		"eCash":                 {"", map[int]string{0: zero, 478559: first, 661648: "000000000000000004284c9d8b2c8ff731efeaec6be50729bdc9bd07f910757d"}},
		"what is cut short":     {"", map[int]string{0: zero[:32], 478559: first[:32], 661648: first[:32]}},
		"regtest":               {regtest, map[int]string{0: "0f9188f13cb7b2c71f2a335e3a4fc328bf5beb436012afca590b1a11466e2206"}},
		"a node without blocks": {"", nil},
	}
	for name, n := range nodes {
		url := nodetest.Serve(t, func(_ string, params []json.RawMessage) (any, *nodetest.Error) {
			var height int
			if err := json.Unmarshal(params[0], &height); err != nil {
				return nil, &nodetest.Error{Code: -1, Message: err.Error()}
			}
			if hash, ok := n.blocks[height]; ok {
				return hash, nil
			}
			return nil, &nodetest.Error{Code: -8, Message: "Block height out of range"}
		})
		for _, id := range []chain.ID{btc, btcTest, bch, bchTest, regtest} {
			c, err := New(transport.Config{Network: id, URL: url, Depth: 1})
			if err != nil {
				t.Fatal(err)
			}
			if err := c.Check(t.Context()); (err == nil) != (id == n.of) {
				t.Errorf("%s as %s: %v", name, id, err)
			} else if name == "Bitcoin" && id == bch || name == "Bitcoin Cash" && id == btc {
				if !fault.Is(err, "node.network") {
					t.Errorf("%s as %s: %v", name, id, err)
				}
			}
		}
	}
}
