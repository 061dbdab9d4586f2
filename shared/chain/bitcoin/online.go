package bitcoin

import (
	"encoding/hex"
	"slices"

	"coldsign/shared/chain"
	"coldsign/shared/fault"
)

// What the online half alone asks.

// Match is MatchPartial where nobody signs after us.
func Match(payload []byte, candidates []chain.PublicKey) ([]chain.PublicKey, error) {
	return match(payload, candidates, false)
}

// Outpoints gives the outputs that a PSBT spends, in the order of its inputs. It
// judges form alone, as PayloadOrigins does: an outpoint may occur twice.
func Outpoints(payload []byte) ([]Outpoint, error) {
	p, err := parsePacket(payload)
	if err != nil {
		return nil, err
	}
	spent := make([]Outpoint, len(p.tx.in))
	for n, in := range p.tx.in {
		spent[n] = in.prev
	}
	return spent, nil
}

// Money is the most base units that there can be on a network; 0 on none of ours.
func Money(id chain.ID) uint64 {
	n, _ := networkOf(id)
	return n.coin.money
}

// ParseHash reads the 64 hex characters that tools print.
func ParseHash(text string) (Hash, error) {
	var h Hash
	b, err := hex.DecodeString(text)
	if err != nil || len(b) != len(h) {
		return h, fault.New("bitcoin.txid", "give 64 hex characters", "not a transaction id: %.80q", text)
	}
	slices.Reverse(b)
	return Hash(b), nil
}
