package evm

import (
	"encoding/hex"
	"math/big"
	"strconv"
	"strings"

	"coldsign/shared/chain"
	"coldsign/shared/fault"
)

// Review says what the transaction would do. A call that cannot be explained
// keeps its value as an effect; what the code then does is opaque.
func (t *tx) Review() chain.Review {
	r := chain.Review{
		Network: t.id,
		Kind:    map[uint8]string{Legacy: "legacy transaction (EIP-155)", Access: "EIP-2930 transaction", Dynamic: "EIP-1559 transaction", FeeCurrency: "CIP-64 transaction"}[t.Type],
		Fee: chain.Fee{
			Asset: t.net.asset, Amount: new(big.Int).Set(t.fee), Payer: Checksum(t.from), Rate: t.rate(), Units: t.GasLimit, Priority: t.priority(),
		},
		Deadline: chain.Deadline{
			Kind: chain.UntilSpent,
			Text: "valid until nonce " + strconv.FormatUint(t.Nonce, 10) + " of the sender is used",
		},
		Details: t.details(),
	}
	switch {
	case t.To == nil:
		t.reviewCreate(&r)
	case isTransfer(t.Data):
		t.reviewToken(&r)
	default:
		t.reviewCall(&r)
	}
	if t.Type == FeeCurrency {
		// What a unit of the token is worth nobody here knows, so no cap on fees holds.
		r.Fee.Asset = chain.Asset{ID: tokenID(t.id, t.Currency), Decimals: -1}
		r.Opaque = append(r.Opaque, chain.Opaque{Code: "evm.fee-currency", What: "the fee is paid in the token at " + Checksum(t.Currency), Hex: hex.EncodeToString(t.Currency[:])})
	}
	return r
}

func (t *tx) rate() string {
	if t.Type == FeeCurrency {
		return "max " + t.MaxFee.String() + ", priority " + t.MaxPriority.String() + " base units of the token for a unit of gas"
	}
	if t.Type == Dynamic {
		return "max " + gwei(t.MaxFee) + ", priority " + gwei(t.MaxPriority)
	}
	return gwei(t.GasPrice)
}

// priority is the part of the gas price that may go to who makes the block: all of
// it before EIP-1559.
func (t *tx) priority() *big.Int {
	if t.dynamic() {
		return new(big.Int).Set(t.MaxPriority)
	}
	return new(big.Int).Set(t.GasPrice)
}

func gwei(n *big.Int) string { return chain.Decimal(n, 9) + " gwei" }

func (t *tx) details() []chain.Detail {
	num := func(n uint64) string { return strconv.FormatUint(n, 10) }
	d := []chain.Detail{
		{Name: "chain id", Value: num(t.ChainID)},
		{Name: "nonce", Value: num(t.Nonce)},
		{Name: "gas limit", Value: num(t.GasLimit)},
	}
	if len(t.Data) > 0 {
		if t.To != nil && isTransfer(t.Data) { // elsewhere the effect or the opaque part names it
			d = append(d, chain.Detail{Name: "token contract", Value: Checksum(*t.To)})
		}
		d = append(d, chain.Detail{Name: "data", Value: num(uint64(len(t.Data))) + " bytes"})
	}
	for i, e := range t.AccessList {
		keys := make([]string, len(e.Keys))
		for j, k := range e.Keys {
			keys[j] = " 0x" + hex.EncodeToString(k[:])
		}
		d = append(d, chain.Detail{Name: "access list " + num(uint64(i+1)), Value: Checksum(e.Address) + strings.Join(keys, "")})
	}
	return d
}

// native is the effect of the value, which leaves the sender.
func (t *tx) native(kind chain.EffectKind, to [20]byte) chain.Effect {
	return chain.Effect{
		Kind: kind, Asset: t.net.asset, Amount: new(big.Int).Set(t.Value), From: Checksum(t.from), To: Checksum(to),
	}
}

// reviewCreate: the contract's address is the end of keccak(rlp([sender, nonce])).
func (t *tx) reviewCreate(r *chain.Review) {
	h := keccak(appendList(nil, appendUint(appendBytes(nil, t.from[:]), t.Nonce)))
	r.Effects = []chain.Effect{t.native(chain.Create, [20]byte(h[12:]))}
	r.Warnings = []chain.Warning{{Code: "evm.create", Text: "this creates a contract; nobody can tell from here what its code does"}}
	r.Opaque = []chain.Opaque{{Code: "evm.init-code", What: "code that runs now and makes the contract", Hex: hex.EncodeToString(t.Data)}}
}

var transferSelector = [4]byte{0xa9, 0x05, 0x9c, 0xbb} // transfer(address,uint256)

func isTransfer(data []byte) bool {
	return len(data) >= 4 && [4]byte(data) == transferSelector
}

// checkTransfer refuses an ERC-20 transfer that is not in its one ABI form:
// contracts disagree on what short, long or dirty arguments mean.
func (t *tx) checkTransfer() error {
	if t.To == nil || !isTransfer(t.Data) {
		return nil
	}
	if len(t.Data) != 68 {
		return fault.New("evm.calldata", "", "token transfer with %d bytes of data, want 68", len(t.Data))
	}
	if [12]byte(t.Data[4:16]) != [12]byte{} {
		return fault.New("evm.calldata", "", "token transfer whose recipient is more than an address")
	}
	return nil
}

func (t *tx) reviewToken(r *chain.Review) {
	to := [20]byte(t.Data[16:36])
	r.Effects = []chain.Effect{{
		Kind:   chain.Transfer,
		Asset:  chain.Asset{ID: tokenID(t.id, *t.To), Decimals: -1},
		Amount: new(big.Int).SetBytes(t.Data[36:68]),
		From:   Checksum(t.from),
		To:     Checksum(to),
	}}
	r.Warnings = t.warnings(to)
	if to == *t.To {
		r.Warnings = append(r.Warnings, chain.Warning{Code: "evm.to-token", Text: "the recipient is the token's own contract: such tokens are mostly lost"})
	}
	if *t.To == ([20]byte{}) {
		r.Warnings = append(r.Warnings, chain.Warning{Code: "evm.zero-token", Text: "the token contract is the zero address, where there is none"})
	}
	if t.Value.Sign() > 0 {
		r.Effects = append(r.Effects, t.native(chain.Transfer, *t.To))
		r.Opaque = []chain.Opaque{{Code: "evm.token-value", What: "coins sent along with a token transfer, which takes none", Hex: hex.EncodeToString(t.Data), To: Checksum(*t.To), Method: methodOf(t.Data)}}
	}
}

// methodOf names what a call asks for: a contract looks at the first four bytes.
func methodOf(data []byte) string {
	if len(data) < 4 {
		return ""
	}
	return "0x" + hex.EncodeToString(data[:4])
}

func (t *tx) reviewCall(r *chain.Review) {
	if len(t.Data) == 0 || t.Value.Sign() > 0 {
		r.Effects = []chain.Effect{t.native(chain.Transfer, *t.To)}
	}
	r.Warnings = t.warnings(*t.To)
	if len(t.Data) > 0 {
		code, what := describe(t.Data)
		r.Opaque = []chain.Opaque{{Code: code, What: "at " + Checksum(*t.To) + ", " + what, Hex: hex.EncodeToString(t.Data), To: Checksum(*t.To), Method: methodOf(t.Data)}}
	}
}

func (t *tx) warnings(to [20]byte) (w []chain.Warning) {
	if to == ([20]byte{}) {
		w = append(w, chain.Warning{Code: "evm.zero-address", Text: "the destination is the zero address: what goes there is lost"})
	}
	if to == t.from {
		w = append(w, chain.Warning{Code: "evm.to-self", Text: "the destination is the sender itself"})
	}
	return w
}
