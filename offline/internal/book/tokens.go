package book

import (
	"strings"

	"coldsign/offline/internal/document"
	"coldsign/shared/chain"
	"coldsign/shared/quote"
)

// Token is what the operators say of a token.
type Token struct {
	Asset    string // CAIP-19; an Ethereum contract in it may be spelled with its checksum
	Symbol   string
	Decimals int
}

// Tokens is a registry of tokens. The nil registry is empty and not in force.
type Tokens struct {
	Head
	List []Token

	at    map[string]int
	known map[place]bool // by address
	alike map[place]int  // by ends: the first token that has them, counted from 1
}

// ParseTokens reads a registry.
func ParseTokens(raw []byte, chains []chain.Chain) (*Tokens, error) {
	list, h, err := records[struct {
		Asset, Symbol string
		Decimals      *int
	}](raw, "token", KindTokens, maxTokens)
	if err != nil {
		return nil, err
	}
	r := &Tokens{Head: h, List: make([]Token, len(list)), at: make(map[string]int, len(list)), alike: map[place]int{}, known: map[place]bool{}}
	symbols := map[string]bool{} // by network
	for _, c := range chains {
		for _, n := range c.Networks {
			for _, other := range c.Networks {
				symbols[string(n.ID)+" "+strings.ToLower(other.Asset.Symbol)] = true
			}
		}
	}
	for i, t := range list {
		if t.Decimals == nil {
			return nil, document.At(document.Line(raw, "token", i, ""), "decimals = N is missing")
		}
		r.List[i] = Token{t.Asset, t.Symbol, *t.Decimals}
		if key, err := r.add(i, chains, symbols); err != nil {
			return nil, document.Within(document.Line(raw, "token", i, key), err)
		}
	}
	return r, nil
}

func (r *Tokens) add(i int, chains []chain.Chain, symbols map[string]bool) (key string, err error) {
	t := &r.List[i]
	id, err := TokenID(chains, t.Asset)
	if err != nil {
		return "asset", err
	}
	t.Asset = id
	if other, ok := r.at[id]; ok {
		return "asset", document.At(0, "token %d is the same", other+1)
	}
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_"
	if t.Symbol == "" || len(t.Symbol) > maxSymbol || strings.Trim(t.Symbol, letters) != "" {
		return "symbol", document.At(0, "%s is no symbol: 1 to %d letters, digits, dots and dashes", quote.String(t.Symbol), maxSymbol)
	}
	network, _, _ := strings.Cut(id, "/")
	if known := network + " " + strings.ToLower(t.Symbol); symbols[known] {
		return "symbol", document.At(0, "the symbol %s has another meaning on %s already", t.Symbol, network)
	} else {
		symbols[known] = true
	}
	if t.Decimals < 0 || t.Decimals > maxDecimal {
		return "decimals", document.At(0, "decimals are 0 to %d", maxDecimal)
	}
	r.at[id] = i
	n, address := split(id)
	r.known[place{n, plain(address)}] = true
	if ends := (place{n, ends(address)}); r.alike[ends] == 0 {
		r.alike[ends] = i + 1
	}
	return "", nil
}

// split gives the network and the address of a token's id.
func split(id string) (chain.ID, string) {
	network, rest, _ := strings.Cut(id, "/")
	_, address, _ := strings.Cut(rest, ":")
	return chain.ID(network), address
}

// Alike finds a known token whose address an unknown one could be taken for.
func (r *Tokens) Alike(n chain.ID, address string) (Token, bool) {
	if r == nil {
		return Token{}, false
	}
	i := r.alike[place{n, ends(address)}]
	if i == 0 || r.known[place{n, plain(address)}] {
		return Token{}, false
	}
	return r.List[i-1], true
}

// TokenID reads the CAIP-19 id of a token and gives it as reviews spell it.
func TokenID(chains []chain.Chain, text string) (string, error) {
	network, rest, _ := strings.Cut(text, "/")
	_, address, ok := strings.Cut(rest, ":")
	c, n, known := Network(chains, network)
	if !ok || !known || string(n.ID) != network {
		return "", document.At(0, "%s is not the CAIP-19 id of a token on a listed network, such as eip155:1/erc20:0x...", quote.String(text))
	}
	id, err := c.Wallet.TokenID(n.ID, address)
	if err == nil && !strings.EqualFold(id, text) {
		err = document.At(0, "a token stands here as %s", id)
	}
	return id, err
}

// At finds a token by its asset id.
func (r *Tokens) At(asset string) (Token, bool) {
	if r == nil {
		return Token{}, false
	}
	i, ok := r.at[asset]
	if !ok {
		return Token{}, false
	}
	return r.List[i], true
}

// Symbol finds a token of a network by its symbol.
func (r *Tokens) Symbol(network chain.ID, symbol string) (Token, bool) {
	if r != nil {
		for _, t := range r.List {
			if t.Symbol == symbol && strings.HasPrefix(t.Asset, string(network)+"/") {
				return t, true
			}
		}
	}
	return Token{}, false
}
