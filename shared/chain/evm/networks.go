package evm

import (
	"math/big"
	"strconv"
	"strings"

	"coldsign/shared/chain"
	"coldsign/shared/fault"
	"coldsign/shared/quote"
)

// spelling is how a chain writes addresses beside 0x and hex.
type spelling uint8

const (
	spellHex    spelling = 0
	spellXDC    spelling = 1 // xdc and 40 hex digits
	spellBech32 spelling = 2 // one1..., BIP-173 of the 20 bytes
)

// kin is one KMS chain that works as Ethereum does.
type kin struct {
	chain    string // KMS name
	coin     uint32 // SLIP-44, of the path of mainnet wallets
	spell    spelling
	cap      string // coins that a transaction may cost by default
	depth    uint64 // confirmations that count as settled by default
	explorer string // a transaction's page is at this and its id
	nets     []net
}

// net is one network: its chain id (EIP-155), its name, and its coin. The first of
// a chain is its mainnet.
type net struct {
	id           uint64
	name, symbol string
}

// kinTable is the one table of the family. KCS, BSC and ETH share a path, as the
// wallets of KMS users do.
func kinTable() []kin {
	return []kin{
		{"ETH", 60, spellHex, "0.25", 12, "https://etherscan.io/tx/", []net{{1, "mainnet", "ETH"}, {11155111, "sepolia", "sepETH"},
			{17000, "holesky", "holETH"}, {560048, "hoodi", "hooETH"}, {31337, "local", "devETH"}, {1337, "local-geth", "devETH"}}},
		{"BSC", 60, spellHex, "0.5", 20, "https://bscscan.com/tx/", []net{{56, "mainnet", "BNB"}, {97, "chapel", "tBNB"}}},
		{"MATIC", 966, spellHex, "500", 128, "https://polygonscan.com/tx/", []net{{137, "mainnet", "POL"}, {80002, "amoy", "tPOL"}}},
		{"KLAY", 8217, spellHex, "500", 10, "https://kaiascan.io/tx/", []net{{8217, "mainnet", "KAIA"}, {1001, "kairos", "tKAIA"}}},
		{"CELO", 52752, spellHex, "500", 12, "https://celoscan.io/tx/", []net{{42220, "mainnet", "CELO"}, {44787, "alfajores", "tCELO"}, {11142220, "celo-sepolia", "tCELO"}}},
		{"XDC", 550, spellXDC, "1000", 12, "https://xdcscan.com/tx/", []net{{50, "mainnet", "XDC"}, {51, "apothem", "TXDC"}}},
		{"ONE", 1023, spellBech32, "5000", 12, "https://explorer.harmony.one/tx/", []net{{1666600000, "mainnet", "ONE"}, {1666700000, "harmony-testnet", "tONE"}}},
		{"KCS", 60, spellHex, "50", 12, "https://scan.kcc.io/tx/", []net{{321, "mainnet", "KCS"}, {322, "kcc-testnet", "tKCS"}}},
	}
}

// Chains lists the KMS chains of the family, ETH with more networks than the table's.
// Each call makes a new list.
func Chains(more ...chain.Network) []chain.Chain {
	var list []chain.Chain
	for i, k := range kinTable() {
		table := k.table()
		if i == 0 {
			table = append(table, more...)
		}
		list = append(list, chain.Chain{Name: k.chain, Codec: New(table), Wallet: Wallet{coin: k.coin, spell: k.spell}, Networks: table})
	}
	return list
}

// NetworkTable lists the networks of the KMS chain ETH. Each call makes a new
// table.
func NetworkTable() []chain.Network { return kinTable()[0].table() }

func (k kin) table() []chain.Network {
	var table []chain.Network
	for i, n := range k.nets {
		table = append(table, k.row(n, i > 0))
	}
	table[0].Explorer = k.explorer
	return table
}

func (k kin) row(n net, testnet bool) chain.Network {
	id := chain.ID("eip155:" + strconv.FormatUint(n.id, 10))
	return chain.Network{
		ID: id, Chain: k.chain, Name: n.name, Testnet: testnet,
		Asset:  chain.Asset{ID: string(id), Symbol: n.symbol, Decimals: 18},
		FeeCap: k.wei(), RateUnit: "gwei", RateDecimals: 9, Depth: k.depth,
	}
}

// wei turns the cap of the table, which has at most two decimals, into base units.
func (k kin) wei() *big.Int {
	whole, part, _ := strings.Cut(k.cap, ".")
	n, _ := new(big.Int).SetString(whole+part+strings.Repeat("0", 18-len(part)), 10)
	return n
}

// ChainID is the number in an eip155 network id; ok is false for any other id
// and for zero.
func ChainID(id chain.ID) (n uint64, ok bool) {
	digits, ok := strings.CutPrefix(string(id), "eip155:")
	n, err := strconv.ParseUint(digits, 10, 64)
	ok = ok && err == nil && n > 0 && n <= maxChainID && strconv.FormatUint(n, 10) == digits
	return n, ok
}

// More is a network that the operators add to the KMS chain ETH: keys and addresses
// are Ethereum's, the coin has 18 decimals. An id or a name of the table is refused,
// so that nobody gives a listed network another coin. cap is the most that one
// transaction may cost by default, in base units.
func More(id uint64, name, symbol string, testnet bool, cap *big.Int) (chain.Network, error) {
	const small, digits = "abcdefghijklmnopqrstuvwxyz", "0123456789"
	word := func(s string, most int, letters string) bool {
		return s != "" && len(s) <= most && strings.Trim(s, letters+digits) == ""
	}
	if id == 0 || id > maxChainID || !word(name, 32, small+"-") || !word(symbol, 16, small+strings.ToUpper(small)) || cap == nil || cap.Sign() <= 0 {
		return chain.Network{}, fault.New("evm.network", "give a chain id from 1 to 2^63-37 (EIP-2294), a name of lower-case letters, digits and dashes, a symbol of letters and digits, and a fee cap above 0",
			"%d %s, coin %s, cannot be a network", id, quote.String(name), quote.String(symbol))
	}
	for _, c := range Chains() {
		for _, n := range c.Networks {
			if other, _ := ChainID(n.ID); other == id || c.Name == "ETH" && n.Name == name {
				return chain.Network{}, fault.New("evm.network", "", "%s %s, chain id %d, is known already: no other can have its id or name", c.Name, n.Name, other)
			}
		}
	}
	net := kinTable()[0].row(net{id, name, symbol}, testnet)
	net.FeeCap = cap
	return net, nil
}
