package chain

import (
	"math/big"
	"strconv"
	"strings"
)

// Review is what signing a transaction would do, told from its bytes alone.
// Every string in it is printable ASCII: codecs pass what comes from outside
// through package quote.
type Review struct {
	Network  ID
	Kind     string    // e.g. "PSBT, version 2", "EIP-1559 transaction", "v0 message"
	Effects  []Effect  // every movement of value, in wire order
	Fee      Fee       // the most that can be charged
	Deadline Deadline  // until when the signed bytes can take effect
	Warnings []Warning // what a person must read first
	Opaque   []Opaque  // what the codec cannot explain; policy denies it by default
	Details  []Detail  // everything else that the signature covers
	Unproven bool      // some input amount is claimed, not proven
}

// EffectKind says what an Effect does. The zero value is invalid.
type EffectKind uint8

// The kinds of effect.
const (
	Transfer EffectKind = 1 // value leaves From and goes to To
	Create   EffectKind = 2 // a new account or contract gets the value
)

// Effect is one movement of value.
type Effect struct {
	Kind   EffectKind
	Asset  Asset
	Amount *big.Int // base units of Asset, never nil, never negative
	From   string   // address, or "" where the chain has no single sender
	To     string   // full address; for what has none, the script or code hash in words
	Owner  string   // who controls To, when proven and not To itself (a token account's owner)
	Note   string   // e.g. "OP_RETURN", "token account, owner not proven"
}

// Asset is a kind of value. The ID follows CAIP-19 for tokens and is the
// network's CAIP-2 id for the native coin.
type Asset struct {
	ID       string // "eip155:1" or "eip155:1/erc20:0xdac1..."
	Symbol   string // "ETH"; empty when nobody we trust has said
	Decimals int    // -1 when unknown: amounts are then shown in base units only
}

// Fee is the most a transaction can cost beyond its effects.
type Fee struct {
	Asset  Asset
	Amount *big.Int // base units, never nil
	Payer  string   // address, "" where inputs pay
	Rate   string   // in the chain's own unit: "12.5 sat/vB", "max 30 gwei"

	Units    uint64   // what Amount is paid for: gas, virtual bytes; 0 where the chain has no such thing
	Priority *big.Int // base units, for each unit, that may go to who makes the block; never nil
}

// DeadlineKind says how a signed transaction ends. The zero value is invalid.
type DeadlineKind uint8

// The kinds of deadline.
const (
	// UntilSpent: valid until its inputs or its nonce are used by another.
	UntilSpent DeadlineKind = 1
	// NeverExpires: a long-lived authorization, e.g. a Solana durable nonce.
	NeverExpires DeadlineKind = 2
	// ByBlockhash: valid for a number of blocks after the named recent block.
	ByBlockhash DeadlineKind = 3
)

// Deadline is until when the signed bytes can take effect on the chain.
type Deadline struct {
	Kind DeadlineKind
	Text string // for the person
}

// Warning has a stable code and one sentence.
type Warning struct {
	Code string `json:"code"`
	Text string `json:"text"`
}

// Opaque is a part that the codec cannot explain.
type Opaque struct {
	What string `json:"what"` // what it is and where: "call of unknown method 0x12345678"
	Code string `json:"code"` // stable: "evm.method", "solana.program", "evm.approve"
	Hex  string `json:"hex"`  // the bytes, whole

	To     string `json:"to,omitempty"`     // address of the contract or program that gets them
	Method string `json:"method,omitempty"` // the part of them that names what it is to do: "0xa9059cbb"
}

// Detail is a further fact covered by the signature.
type Detail struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// String names the kind.
func (k EffectKind) String() string {
	switch k {
	case Transfer:
		return "transfer"
	case Create:
		return "create"
	}
	return "invalid"
}

// Units shows an amount: "0.5 BTC (50000000 base units)", or base units alone
// with the asset's id when nobody trusted has named its decimals.
func Units(n *big.Int, a Asset) string {
	if n == nil {
		return "no amount"
	}
	if a.Decimals < 0 {
		return n.String() + " base units of " + a.ID
	}
	name := a.Symbol
	if name == "" {
		name = a.ID
	}
	if a.Decimals == 0 {
		return n.String() + " " + name
	}
	return Decimal(n, a.Decimals) + " " + name + " (" + n.String() + " base units)"
}

// Decimal shows n / 10^decimals exactly, with no exponent and no trailing zero.
func Decimal(n *big.Int, decimals int) string {
	if decimals <= 0 {
		return n.String()
	}
	s := new(big.Int).Abs(n).String()
	if len(s) <= decimals {
		s = strings.Repeat("0", decimals-len(s)+1) + s
	}
	whole, part := s[:len(s)-decimals], strings.TrimRight(s[len(s)-decimals:], "0")
	if part != "" {
		whole += "." + part
	}
	if n.Sign() < 0 {
		whole = "-" + whole
	}
	return whole
}

// PathString writes a BIP-32 path: "m/44'/0'/0'/0/7".
func PathString(path []uint32) string {
	var b strings.Builder
	b.WriteByte('m')
	for _, i := range path {
		b.WriteByte('/')
		b.WriteString(strconv.FormatUint(uint64(i&^Hardened), 10))
		if i >= Hardened {
			b.WriteByte('\'')
		}
	}
	return b.String()
}

// Hardened is the bit of a hardened BIP-32 index.
const Hardened uint32 = 1 << 31
