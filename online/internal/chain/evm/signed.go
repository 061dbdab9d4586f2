package evm

import (
	"errors"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/rlp"
)

// signed is what is asked about a transaction of ours.
type signed struct {
	hash  common.Hash
	from  common.Address
	nonce uint64
}

var errForm = errors.New("not a signed transaction of a known type")

// parse reads a signed transaction: legacy with a chain id (EIP-155), EIP-2930 or
// EIP-1559. Its sender is recovered from the signature.
func parse(raw []byte) (signed, error) {
	s := signed{hash: crypto.Keccak256Hash(raw)}
	if len(raw) == 0 {
		return s, errForm
	}
	kind, body, first, count := raw[:0], raw, 0, 9
	if raw[0] < 0x80 {
		kind, body, first = raw[:1], raw[1:], 1 // the chain id stands before the nonce
		if count = map[byte]int{1: 11, 2: 12}[raw[0]]; count == 0 {
			return s, errForm
		}
	}
	var fields []rlp.RawValue
	if err := rlp.DecodeBytes(body, &fields); err != nil || len(fields) != count {
		return s, errForm
	}
	var v uint64
	var r, sv [32]byte
	err := errors.Join(rlp.DecodeBytes(fields[first], &s.nonce), rlp.DecodeBytes(fields[count-3], &v), number(&r, fields[count-2]), number(&sv, fields[count-1]))
	if err != nil {
		return s, err
	}
	unsigned := fields[:count-3]
	if len(kind) == 0 {
		if v < 35 {
			return s, errForm
		}
		id, err := rlp.EncodeToBytes((v - 35) / 2)
		if err != nil {
			return s, err
		}
		unsigned, v = append(unsigned[:6:6], id, []byte{0x80}, []byte{0x80}), (v-35)%2
	}
	if v > 1 {
		return s, errForm
	}
	message, err := rlp.EncodeToBytes(unsigned)
	if err != nil {
		return s, err
	}
	sig := append(append(append(make([]byte, 0, 65), r[:]...), sv[:]...), byte(v))
	key, err := crypto.SigToPub(crypto.Keccak256(kind, message), sig)
	if err != nil {
		return s, err
	}
	s.from = crypto.PubkeyToAddress(*key)
	return s, nil
}

// number reads an integer of at most 32 bytes.
func number(to *[32]byte, field rlp.RawValue) error {
	var b []byte
	if err := rlp.DecodeBytes(field, &b); err != nil || len(b) > len(to) {
		return errForm
	}
	copy(to[len(to)-len(b):], b)
	return nil
}
