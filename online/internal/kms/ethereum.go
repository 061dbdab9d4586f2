package kms

import (
	"encoding/hex"
	"math/big"
	"slices"
	"strings"

	"coldsign/online/internal/strictjson"
	"coldsign/shared/chain"
	"coldsign/shared/chain/evm"
)

// ethereumNative reads a web3 transaction. Amounts are wei, as decimal strings,
// 0x hex strings or JSON integers; nonce 0 is 0. Without a type it is legacy,
// as the KMS signs it, unless it has the fees of EIP-1559 or an access list. On
// Celo, whose own legacy type its network takes no more, gasPrice becomes both fees
// of EIP-1559, or of CIP-64 where the record names a fee currency: the most that it
// can cost is the same.
func ethereumNative(n chain.Network, r record, look Lookup) ([]byte, error) {
	known := []string{"from", "to", "value", "data", "nonce", "gas", "gasLimit", "gasPrice", "chainId",
		"type", "maxFeePerGas", "maxPriorityFeePerGas", "accessList"}
	celo := n.Chain == "CELO"
	if celo {
		known = append(known, "feeCurrency")
	}
	f, err := r.fields(known...)
	if err != nil {
		return nil, err
	}
	w := &web3{Fields: f, network: n}
	tx := evm.Fields{Type: w.kind(), ChainID: w.chainID(n), Nonce: w.uint("nonce"), GasLimit: w.gas()}
	tx.Value = w.optional("value")
	switch {
	case celo && !w.has("type") && tx.Type == evm.Legacy:
		tx.Type, tx.MaxFee, tx.MaxPriority = evm.Dynamic, w.big("gasPrice"), w.optional("gasPrice")
	case tx.Type == evm.Dynamic:
		tx.MaxFee, tx.MaxPriority = w.big("maxFeePerGas"), w.big("maxPriorityFeePerGas")
		w.none("gasPrice", "a type 2 transaction")
	default:
		tx.GasPrice = w.big("gasPrice")
		w.none("maxFeePerGas", "a transaction with gasPrice")
		w.none("maxPriorityFeePerGas", "a transaction with gasPrice")
	}
	tx.To, tx.Data = w.to(), w.data()
	if tx.AccessList = w.accessList(); tx.Type == evm.Legacy {
		w.none("accessList", "a legacy transaction")
	}
	if celo && w.has("feeCurrency") {
		if tx.Type != evm.Dynamic {
			w.fail(mismatch("feeCurrency does not go with type %d", tx.Type))
		}
		tx.Type, tx.Currency = evm.FeeCurrency, w.address(w.Fields["feeCurrency"], "feeCurrency")
	}
	w.from(look.Keys)
	if w.err == nil {
		w.err = incomplete(w.missing...)
	}
	if w.err != nil {
		return nil, w.err
	}
	if b := tx.Encode(); b != nil {
		return b, nil
	}
	return nil, malformed("its fields make no transaction")
}

// web3 reads fields. It keeps the first error, and every missing name.
type web3 struct {
	strictjson.Fields
	network chain.Network
	missing []string
	err     error
}

func (w *web3) has(name string) bool { return w.Fields[name].Kind != strictjson.Absent }

func (w *web3) fail(err error) {
	if w.err == nil {
		w.err = err
	}
}

func (w *web3) none(name, why string) {
	if w.has(name) {
		w.fail(mismatch("%s does not go with %s", name, why))
	}
}

// optional gives 0 for what is absent.
func (w *web3) optional(name string) *big.Int {
	if !w.has(name) {
		return new(big.Int)
	}
	n, ok := w.Fields[name].Big()
	if !ok {
		w.fail(malformed("%s is not an integer of at most 256 bits; above 2^53 write it as a string", name))
		return new(big.Int)
	}
	return n
}

func (w *web3) big(name string) *big.Int {
	if !w.has(name) {
		w.missing = append(w.missing, name)
	}
	return w.optional(name)
}

func (w *web3) uint(name string) uint64 {
	n := w.big(name)
	if !n.IsUint64() {
		w.fail(malformed("%s has more than 64 bits", name))
	}
	return n.Uint64()
}

// gas reads gas or its other name gasLimit; of two, both must say the same.
func (w *web3) gas() uint64 {
	if !w.has("gasLimit") {
		return w.uint("gas")
	}
	limit := w.uint("gasLimit")
	if w.has("gas") && w.uint("gas") != limit {
		w.fail(mismatch("gas and gasLimit differ"))
	}
	return limit
}

func (w *web3) kind() uint8 {
	if w.has("type") {
		n := w.optional("type")
		if !n.IsUint64() || n.Uint64() > evm.Dynamic {
			w.fail(malformed("type is not 0, 1 or 2"))
			return evm.Legacy
		}
		return uint8(n.Uint64())
	}
	switch {
	case w.has("maxFeePerGas") || w.has("maxPriorityFeePerGas"):
		return evm.Dynamic
	case w.has("accessList"):
		return evm.Access
	}
	return evm.Legacy
}

// chainID is the network's; the record may name it too.
func (w *web3) chainID(n chain.Network) uint64 {
	id, ok := evm.ChainID(n.ID)
	if !ok {
		w.fail(mismatch("network %s has no chain id", n.ID))
	}
	if named := w.optional("chainId"); w.has("chainId") && named.Cmp(new(big.Int).SetUint64(id)) != 0 {
		w.fail(mismatch("the record is for chain id %s, the submission for %s", named, n.ID))
	}
	return id
}

func (w *web3) address(v strictjson.Value, name string) (a [20]byte) {
	if v.Kind != strictjson.String {
		w.fail(malformed("%s is not an address", name))
		return a
	}
	a, err := evm.ParseAddressOf(w.network.Chain, v.Text)
	if err != nil {
		w.fail(malformed("%s: %w", name, err))
	}
	return a
}

func (w *web3) to() *[20]byte {
	if !w.has("to") {
		if !w.has("data") {
			w.missing = append(w.missing, "to")
		}
		return nil
	}
	a := w.address(w.Fields["to"], "to")
	return &a
}

func (w *web3) data() []byte {
	v := w.Fields["data"]
	digits, ok := strings.CutPrefix(v.Text, "0x")
	b, err := hex.DecodeString(digits)
	if w.has("data") && (v.Kind != strictjson.String || !ok || err != nil) {
		w.fail(malformed("data is not 0x and hex"))
	}
	return b
}

// from is 0 in what the SDK makes; an address must be that of a named key.
func (w *web3) from(keys []chain.PublicKey) {
	v := w.Fields["from"]
	if n, ok := v.Uint(0); !w.has("from") || ok && n == 0 {
		return
	}
	from := evm.Checksum(w.address(v, "from"))
	if !slices.ContainsFunc(keys, func(k chain.PublicKey) bool { return evm.Address(k) == from }) {
		w.fail(mismatch("from is %s, which is no address of the named keys", from))
	}
}

func (w *web3) accessList() (list []evm.AccessEntry) {
	v := w.Fields["accessList"]
	if w.has("accessList") && v.Kind != strictjson.Array {
		w.fail(malformed("accessList is not an array"))
	}
	for _, item := range v.Items {
		f, unknown := item.Object("address", "storageKeys")
		keys := f["storageKeys"]
		if item.Kind != strictjson.Object || len(unknown) > 0 || keys.Kind != strictjson.Array {
			w.fail(malformed("an entry of accessList is not {address, storageKeys}"))
			return nil
		}
		e := evm.AccessEntry{Address: w.address(f["address"], "an address of accessList")}
		for _, k := range keys.Items {
			digits, ok := strings.CutPrefix(k.Text, "0x")
			b, err := hex.DecodeString(digits)
			if k.Kind != strictjson.String || !ok || err != nil || len(b) != 32 {
				w.fail(malformed("a storage key is not 0x and 64 hex digits"))
				return nil
			}
			e.Keys = append(e.Keys, [32]byte(b))
		}
		list = append(list, e)
	}
	return list
}
