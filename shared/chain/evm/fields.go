package evm

import (
	"bytes"
	"math/big"

	"coldsign/shared/fault"
)

// The transaction types that are read. EIP-2718 numbers them; legacy has none.
const (
	Legacy  = 0 // EIP-155
	Access  = 1 // EIP-2930
	Dynamic = 2 // EIP-1559

	// FeeCurrency is CIP-64: EIP-1559 with the fee in a token. Celo's networks alone
	// take it.
	FeeCurrency = 0x7b
)

// Fields are what an unsigned transaction says. A nil amount is zero.
type Fields struct {
	Type        uint8
	ChainID     uint64
	Nonce       uint64
	GasPrice    *big.Int // wei per gas; types 0 and 1
	MaxPriority *big.Int // wei per gas; type 2; of type 0x7b base units of the currency
	MaxFee      *big.Int // as MaxPriority
	GasLimit    uint64
	To          *[20]byte // nil creates a contract
	Value       *big.Int  // wei
	Data        []byte
	AccessList  []AccessEntry // types 1, 2 and 0x7b
	Currency    [20]byte      // contract of the token that pays the fee; type 0x7b
}

// dynamic tells the types that have a priority fee.
func (f Fields) dynamic() bool { return f.Type == Dynamic || f.Type == FeeCurrency }

// AccessEntry is one entry of an EIP-2930 access list.
type AccessEntry struct {
	Address [20]byte
	Keys    [][32]byte
}

// Encode gives the bytes whose keccak is signed:
//
//	rlp([nonce, gasPrice, gas, to, value, data, chainId, 0, 0])                           EIP-155
//	1 || rlp([chainId, nonce, gasPrice, gas, to, value, data, accessList])                EIP-2930
//	2 || rlp([chainId, nonce, maxPriority, maxFee, gas, to, value, data, accessList])     EIP-1559
//	0x7b || rlp([those of type 2, feeCurrency])                                           CIP-64
//
// It gives nil for what no transaction can say: an unknown type, an amount that
// is negative or over 256 bits, or a field that the type does not have. It does
// not judge otherwise; Decode does.
func (f Fields) Encode() []byte {
	for _, n := range []*big.Int{f.GasPrice, f.MaxPriority, f.MaxFee, f.Value} {
		if n != nil && (n.Sign() < 0 || n.BitLen() > 256) {
			return nil
		}
	}
	tips := f.MaxPriority != nil || f.MaxFee != nil
	switch {
	case f.Type > Dynamic && f.Type != FeeCurrency,
		(f.Type == FeeCurrency) == (f.Currency == [20]byte{}),
		f.Type == Legacy && (tips || len(f.AccessList) > 0),
		f.Type == Access && tips,
		f.dynamic() && f.GasPrice != nil:
		return nil
	}
	var tail []byte
	if f.Type == Legacy {
		tail = append(appendUint(nil, f.ChainID), 0x80, 0x80)
	}
	return f.encode(tail)
}

// encode writes the fields and then tail, which holds encoded items.
func (f Fields) encode(tail []byte) []byte {
	var b []byte
	if f.Type != Legacy {
		b = appendUint(b, f.ChainID)
	}
	b = appendUint(b, f.Nonce)
	if f.dynamic() {
		b = appendBig(appendBig(b, f.MaxPriority), f.MaxFee)
	} else {
		b = appendBig(b, f.GasPrice)
	}
	b = appendUint(b, f.GasLimit)
	if f.To != nil {
		b = appendBytes(b, f.To[:])
	} else {
		b = append(b, 0x80)
	}
	b = appendBytes(appendBig(b, f.Value), f.Data)
	if f.Type == Legacy {
		return appendList(nil, append(b, tail...))
	}
	var list []byte
	for _, e := range f.AccessList {
		var keys []byte
		for _, k := range e.Keys {
			keys = appendBytes(keys, k[:])
		}
		list = appendList(list, appendList(appendBytes(nil, e.Address[:]), keys))
	}
	b = appendList(b, list)
	if f.Type == FeeCurrency {
		b = appendBytes(b, f.Currency[:])
	}
	return appendList([]byte{f.Type}, append(b, tail...))
}

// parse reads what Encode writes, and nothing else; CIP-64 on Celo alone.
func parse(payload []byte, celo bool) (f Fields, err error) {
	if len(payload) == 0 || len(payload) > maxPayload {
		return f, fault.New("evm.size", "", "transaction of %d bytes, at most %d can be read", len(payload), maxPayload)
	}
	body := payload
	switch t := payload[0]; {
	case t == 3:
		return f, fault.New("evm.blob", "send it without blobs", "blob transactions (EIP-4844) are not signed")
	case t == 4:
		return f, fault.New("evm.set-code", "never delegate a custody account", "set-code transactions (EIP-7702) are not signed: they hand the account to a contract")
	case t == Access || t == Dynamic || celo && t == FeeCurrency:
		f.Type, body = t, payload[1:]
	case celo && (t == 0x7c || t >= 0xc0 && itemsOf(payload) == retiredItems):
		return f, fault.New("evm.retired", "make it as CIP-64, or as EIP-1559 with the fee in CELO",
			"Celo's own legacy type and type 0x7c are no longer taken by its network")
	case t < 0xc0:
		return f, fault.New("evm.type", "", "unknown transaction type 0x%02x", t)
	}
	outer := reader{body, &err}
	items := outer.list()
	outer.end()
	f.read(items)
	if err != nil {
		return Fields{}, err
	}
	if again := f.Encode(); !bytes.Equal(again, payload) {
		return Fields{}, malformed("it is written again differently")
	}
	return f, nil
}

func (f *Fields) read(r *reader) {
	if f.Type != Legacy {
		f.ChainID = r.uint64()
	}
	f.Nonce = r.uint64()
	if f.dynamic() {
		f.MaxPriority = r.uint(256)
		f.MaxFee = r.uint(256)
	} else {
		f.GasPrice = r.uint(256)
	}
	f.GasLimit = r.uint64()
	if to := r.bytes(); len(to) == 20 {
		f.To = (*[20]byte)(bytes.Clone(to))
	} else if len(to) != 0 {
		r.fail(malformed("the destination is not 20 bytes"))
	}
	f.Value = r.uint(256)
	f.Data = bytes.Clone(r.bytes())
	if f.Type == Legacy {
		f.readReplay(r)
	} else {
		f.readAccess(r.list())
	}
	if f.Type == FeeCurrency {
		r.fixed(f.Currency[:])
	}
	r.end()
}

// readReplay reads chainId, 0, 0 of EIP-155.
func (f *Fields) readReplay(r *reader) {
	if len(r.rest) == 0 {
		r.fail(fault.New("evm.no-replay-protection", "make it with a chain id (EIP-155)",
			"the transaction names no chain, so it could be replayed on every chain"))
	}
	f.ChainID = r.uint64()
	if len(r.bytes())+len(r.bytes()) != 0 {
		r.fail(fault.New("evm.signed", "give the unsigned transaction", "the transaction already carries a signature"))
	}
}

func (f *Fields) readAccess(r *reader) {
	keys := 0
	for r.more() {
		item, e := r.list(), AccessEntry{}
		item.fixed(e.Address[:])
		for ks := item.list(); ks.more(); keys++ {
			var k [32]byte
			ks.fixed(k[:])
			e.Keys = append(e.Keys, k)
		}
		item.end()
		f.AccessList = append(f.AccessList, e)
		if len(f.AccessList) > maxAccess || keys > maxAccess {
			r.fail(fault.New("evm.access-list", "", "access list of more than %d entries or storage keys", maxAccess))
		}
	}
}
