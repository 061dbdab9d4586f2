package bitcoin

import (
	"math/big"

	"coldsign/shared/chain"
	"coldsign/shared/fault"
)

// coin is one KMS chain that works as Bitcoin does.
type coin struct {
	name     string // KMS name
	slip44   uint32 // of the path of mainnet wallets
	segwit   bool   // else it has P2PKH alone
	oldFirst bool   // a derived key's first address is P2PKH, as the KMS has it
	money    uint64 // the most there can be, base units
	cap      int64  // base units that a transaction may cost by default
	depth    uint64 // confirmations that count as settled by default
	explorer string // see chain.Network
	ltub     bool   // extended keys are written Ltub and ttub
	cash     bool   // signs as Bitcoin Cash does, and spells addresses so; test wallets have its slip44, too
}

// network is what the networks of a coin differ in.
type network struct {
	id      chain.ID // CAIP-2: the first 16 bytes of the hash of its first own block
	name    string
	symbol  string
	hrp     string // BIP-173 prefix, "" without SegWit; of Bitcoin Cash that of CashAddr
	p2pkh   byte   // base58 version bytes
	p2sh    byte
	wif     byte
	testnet bool
	coin    coin
}

func coins() []coin {
	return []coin{
		{name: "BTC", slip44: 0, segwit: true, money: maxMoney, cap: 5_000_000, depth: 6, explorer: "https://mempool.space/tx/"},
		{name: "LTC", slip44: 2, segwit: true, oldFirst: true, ltub: true, money: 4 * maxMoney, cap: 100_000_000, depth: 12, explorer: "https://litecoinspace.org/tx/"},
		{name: "DOGE", slip44: 3, oldFirst: true, money: maxDoge, cap: 50_000_000_000, depth: 40, explorer: "https://dogechain.info/tx/"},
		{name: "BCH", slip44: 145, oldFirst: true, cash: true, money: maxMoney, cap: 5_000_000, depth: 15, explorer: "https://blockchair.com/bitcoin-cash/transaction/"},
	}
}

// networks lists them coin by coin, each coin's mainnet first.
func networks() []network {
	c := coins()
	test := func(c coin, id chain.ID, name, symbol, hrp string, p2pkh, p2sh, wif byte) network {
		return network{id: id, name: name, symbol: symbol, hrp: hrp, p2pkh: p2pkh, p2sh: p2sh, wif: wif, testnet: true, coin: c}
	}
	btc := func(id chain.ID, name, symbol, hrp string) network {
		return test(c[0], id, name, symbol, hrp, 0x6f, 0xc4, 0xef)
	}
	return []network{
		{id: "bip122:000000000019d6689c085ae165831e93", name: "mainnet", symbol: "BTC", hrp: "bc", p2pkh: 0x00, p2sh: 0x05, wif: 0x80, coin: c[0]},
		btc("bip122:000000000933ea01ad0ee984209779ba", "testnet3", "tBTC", "tb"),
		btc("bip122:00000000da84f2bafbbc53dee25a72ae", "testnet4", "tBTC", "tb"),
		btc("bip122:00000008819873e925422c1ff0f99f7c", "signet", "tBTC", "tb"),
		btc("bip122:0f9188f13cb7b2c71f2a335e3a4fc328", "regtest", "rBTC", "bcrt"),
		{id: "bip122:12a765e31ffd4059bada1e25190f6e98", name: "mainnet", symbol: "LTC", hrp: "ltc", p2pkh: 0x30, p2sh: 0x32, wif: 0xb0, coin: c[1]},
		test(c[1], "bip122:4966625a4b2851d9fdee139e56211a0d", "ltc-testnet", "tLTC", "tltc", 0x6f, 0x3a, 0xef),
		test(c[1], "bip122:530827f38f93b43ed12af0b3ad25a288", "ltc-regtest", "rLTC", "rltc", 0x6f, 0x3a, 0xef),
		{id: "bip122:1a91e3dace36e2be3bf030a65679fe82", name: "mainnet", symbol: "DOGE", p2pkh: 0x1e, p2sh: 0x16, wif: 0x9e, coin: c[2]},
		test(c[2], "bip122:bb0a78264637406b6360aad926284d54", "doge-testnet", "tDOGE", "", 0x71, 0xc4, 0xf1),
		test(c[2], "bip122:3d2160a3b5dc4a9d62e7e66a295f7031", "doge-regtest", "rDOGE", "", 0x6f, 0xc4, 0xef),
		// Bitcoin Cash has Bitcoin's genesis: these are blocks 478559 and 1155876 (of testnet3).
		{id: "bip122:000000000000000000651ef99cb9fcbe", name: "mainnet", symbol: "BCH", hrp: "bitcoincash", p2pkh: 0x00, p2sh: 0x05, wif: 0x80, coin: c[3]},
		test(c[3], "bip122:00000000000e38fef93ed9582a7df438", "bch-testnet", "tBCH", "bchtest", 0x6f, 0xc4, 0xef),
	}
}

func networkOf(id chain.ID) (network, error) {
	for _, n := range networks() {
		if n.id == id {
			return n, nil
		}
	}
	return network{}, fault.New("bitcoin.network", "", "not a network of Bitcoin or its kin: %.80q", string(id))
}

// networksOf lists those of a coin; "" is Bitcoin.
func networksOf(name string) (list []network) {
	if name == "" {
		name = "BTC"
	}
	for _, n := range networks() {
		if n.coin.name == name {
			list = append(list, n)
		}
	}
	return list
}

func (n network) asset() chain.Asset {
	return chain.Asset{ID: string(n.id), Symbol: n.symbol, Decimals: 8}
}

// NetworkTable lists Bitcoin's networks, mainnet first. A transaction may by default
// cost at most 0.05 BTC on each.
func NetworkTable() []chain.Network { return table("BTC") }

// Chains lists the KMS chains of the family. Each call makes a new list.
func Chains() []chain.Chain {
	var list []chain.Chain
	for _, c := range coins() {
		list = append(list, chain.Chain{Name: c.name, Codec: Codec{c.name}, Wallet: Wallet{c.name}, Networks: table(c.name)})
	}
	return list
}

func table(name string) []chain.Network {
	var table []chain.Network
	for _, n := range networksOf(name) {
		row := chain.Network{
			ID: n.id, Chain: n.coin.name, Name: n.name, Testnet: n.testnet,
			Asset: n.asset(), FeeCap: big.NewInt(n.coin.cap), RateUnit: "sat", Depth: n.coin.depth,
		}
		if !n.testnet {
			row.Explorer = n.coin.explorer
		}
		table = append(table, row)
	}
	return table
}
