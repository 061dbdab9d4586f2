package bitcoin

import (
	"encoding/hex"
	"fmt"
	"math/big"
	"strings"
	"time"

	"coldsign/shared/chain"
	"coldsign/shared/quote"
)

// Values of sequence and locktime (BIP-68, BIP-125).
const (
	sequenceFinal   = 0xffffffff
	sequenceRBF     = 0xfffffffd // this and below: may be replaced
	relativeOff     = 1 << 31
	relativeTime    = 1 << 22
	locktimeIsTime  = 500_000_000
	relativeSeconds = 512
)

// Review says what signing would do. Change is not told from payment.
func (t *tx) Review() chain.Review {
	weight := t.weight()
	size := (weight + 3) / 4
	r := chain.Review{
		Network: t.network.id,
		Kind:    fmt.Sprintf("PSBT, transaction version %d", t.unsigned.version),
		Fee:     chain.Fee{Asset: t.network.asset(), Amount: satoshi(t.fee), Rate: feeRate(t.fee, size), Units: uint64(size), Priority: new(big.Int)},
		Deadline: chain.Deadline{
			Kind: chain.UntilSpent,
			Text: "none: valid until another transaction spends one of its inputs",
		},
	}
	for n := range t.in {
		t.reviewInput(&r, n, &t.in[n])
	}
	for n, o := range t.unsigned.out {
		t.reviewOutput(&r, n, o)
	}
	t.reviewTimes(&r)
	if weight > maxStandard {
		r.Warnings = append(r.Warnings, chain.Warning{Code: "bitcoin.size",
			Text: fmt.Sprintf("%d weight units are more than the %d that nodes relay", weight, maxStandard)})
	}
	r.Details = append(r.Details, chain.Detail{Name: "size", Value: fmt.Sprintf("%d vB at most when signed", size)})
	return r
}

func (t *tx) reviewInput(r *chain.Review, n int, i *input) {
	address, _ := t.network.address(i.spent.Script)
	value := fmt.Sprintf("%s:%d, %s, %s, %s, sequence 0x%08x", i.TxID, i.Index,
		chain.Units(satoshi(i.spent.Amount), t.network.asset()), address, i.describe(), i.sequence)
	if !i.proven {
		value += ", amount claimed"
		r.Unproven = true
		r.Warnings = append(r.Warnings, chain.Warning{Code: "bitcoin.amount-unproven",
			Text: fmt.Sprintf("the amount of input %d is claimed, not proven: the fee may be higher than shown", n)})
	}
	if lock, ok := i.relativeLock(t.unsigned.version); ok {
		value += ", " + lock
		r.Warnings = append(r.Warnings, chain.Warning{Code: "bitcoin.relative-lock",
			Text: fmt.Sprintf("input %d can be spent only %s", n, lock)})
	}
	r.Details = append(r.Details, chain.Detail{Name: fmt.Sprintf("input %d", n), Value: value})
}

// describe names the kind of input, whatever else its digest depends on, and for
// a multisig the keys that are asked to sign and those that have.
func (i *input) describe() string {
	nested := ""
	if i.nested != nil {
		nested = "P2SH-"
	}
	var asked, signed []string
	for _, s := range i.slots {
		if s.sig == nil {
			asked = append(asked, s.key.String())
		} else {
			signed = append(signed, s.key.String())
		}
	}
	var kind string
	switch i.kind {
	case p2pkh:
		kind = "P2PKH"
	case p2wpkh:
		kind = nested + "P2WPKH"
	case multiSig:
		kind = fmt.Sprintf("%sP2WSH %d-of-%d multisig", nested, i.need, len(i.keys))
		if len(asked) > 0 {
			kind += ", to be signed by " + strings.Join(asked, " ")
		}
		if len(signed) > 0 {
			kind += ", signed already by " + strings.Join(signed, " ")
		}
		if i.missing > 0 {
			kind += fmt.Sprintf(", and then by %d more", i.missing)
		}
		return kind
	case p2tr:
		kind = "P2TR, sighash DEFAULT"
		if i.hashType == sighashAll {
			kind = "P2TR, sighash ALL"
		}
	}
	if len(signed) > 0 {
		kind += ", signed already"
	}
	return kind
}

// relativeLock tells how long after its output the input can be spent (BIP-68).
func (i *input) relativeLock(version uint32) (string, bool) {
	n := uint64(i.sequence & 0xffff)
	if version < 2 || i.sequence&relativeOff != 0 || n == 0 {
		return "", false
	}
	if i.sequence&relativeTime != 0 {
		return fmt.Sprintf("%d seconds after the output it spends", n*relativeSeconds), true
	}
	return fmt.Sprintf("%d blocks after the output it spends", n), true
}

func (t *tx) reviewOutput(r *chain.Review, n int, o Output) {
	e := chain.Effect{Kind: chain.Transfer, Asset: t.network.asset(), Amount: satoshi(o.Amount)}
	address, known := t.network.address(o.Script)
	data, isData := returnData(o.Script)
	switch {
	case known:
		e.To = address
	case isData && o.Amount == 0:
		e.To = "script " + hex.EncodeToString(o.Script)
		e.Note = "OP_RETURN " + quote.String(string(data))
	default:
		e.To = "script " + hex.EncodeToString(o.Script)
		r.Opaque = append(r.Opaque, chain.Opaque{Code: "bitcoin.script",
			What: fmt.Sprintf("output %d pays a script that has no address", n), Hex: hex.EncodeToString(o.Script)})
	}
	r.Effects = append(r.Effects, e)
	if limit := dustLimit(o.Script); o.Amount < limit {
		r.Warnings = append(r.Warnings, chain.Warning{Code: "bitcoin.dust",
			Text: fmt.Sprintf("output %d is dust: nodes relay no less than %d satoshi there", n, limit)})
	}
}

// reviewTimes tells from when the transaction is valid, and whether it signals
// that it may be replaced.
func (t *tx) reviewTimes(r *chain.Review) {
	replaceable, inEffect := "no", false
	for _, in := range t.in {
		if in.sequence <= sequenceRBF && !t.network.coin.cash { // its nodes keep the first
			replaceable = "yes, signalled by sequence (BIP-125)"
		}
		inEffect = inEffect || in.sequence != sequenceFinal
	}
	lock := t.unsigned.locktime
	value := "none"
	if lock > 0 {
		value = fmt.Sprintf("block height %d", lock)
		if lock >= locktimeIsTime {
			value = fmt.Sprintf("%s (%d)", time.Unix(int64(lock), 0).UTC().Format("2006-01-02 15:04:05 UTC"), lock)
		}
		if inEffect {
			r.Warnings = append(r.Warnings, chain.Warning{Code: "bitcoin.locktime", Text: "valid only after " + value})
		} else {
			value += ", without effect: every sequence is final"
		}
	}
	r.Details = append(r.Details,
		chain.Detail{Name: "locktime", Value: value},
		chain.Detail{Name: "replaceable", Value: replaceable})
}

// feeRate is fee over size with one decimal, rounded half up.
func feeRate(fee uint64, size int) string {
	tenths := new(big.Int).Mul(satoshi(fee), big.NewInt(20))
	tenths.Add(tenths, big.NewInt(int64(size)))
	tenths.Div(tenths, big.NewInt(2*int64(size)))
	whole, tenth := new(big.Int).DivMod(tenths, big.NewInt(10), new(big.Int))
	return fmt.Sprintf("%s.%s sat/vB", whole, tenth)
}

func satoshi(n uint64) *big.Int { return new(big.Int).SetUint64(n) }
