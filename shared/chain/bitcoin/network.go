package bitcoin

import (
	"math/big"

	"coldsign/shared/chain"
	"coldsign/shared/fault"
)

// network is what the five networks differ in.
type network struct {
	id      chain.ID // CAIP-2: the first 16 bytes of the genesis block's hash
	name    string
	symbol  string
	hrp     string // BIP-173 prefix
	p2pkh   byte   // base58 version bytes
	p2sh    byte
	wif     byte
	testnet bool

	explorer string // see chain.Network
}

func networks() []network {
	test := func(id chain.ID, name, symbol, hrp string) network {
		return network{id: id, name: name, symbol: symbol, hrp: hrp, p2pkh: 0x6f, p2sh: 0xc4, wif: 0xef, testnet: true}
	}
	return []network{
		{id: "bip122:000000000019d6689c085ae165831e93", name: "mainnet", symbol: "BTC", hrp: "bc", p2pkh: 0x00, p2sh: 0x05, wif: 0x80, explorer: "https://mempool.space/tx/"},
		test("bip122:000000000933ea01ad0ee984209779ba", "testnet3", "tBTC", "tb"),
		test("bip122:00000000da84f2bafbbc53dee25a72ae", "testnet4", "tBTC", "tb"),
		test("bip122:00000008819873e925422c1ff0f99f7c", "signet", "tBTC", "tb"),
		test("bip122:0f9188f13cb7b2c71f2a335e3a4fc328", "regtest", "rBTC", "bcrt"),
	}
}

func networkOf(id chain.ID) (network, error) {
	for _, n := range networks() {
		if n.id == id {
			return n, nil
		}
	}
	return network{}, fault.New("bitcoin.network", "", "not a Bitcoin network: %.80q", string(id))
}

func (n network) asset() chain.Asset {
	return chain.Asset{ID: string(n.id), Symbol: n.symbol, Decimals: 8}
}

// NetworkTable lists the networks, mainnet first. A transaction may by default
// cost at most 0.05 BTC on each.
func NetworkTable() []chain.Network {
	var table []chain.Network
	for _, n := range networks() {
		table = append(table, chain.Network{
			ID: n.id, Chain: "BTC", Name: n.name, Testnet: n.testnet,
			Asset: n.asset(), FeeCap: big.NewInt(5_000_000), RateUnit: "sat", Depth: 6, Explorer: n.explorer,
		})
	}
	return table
}
