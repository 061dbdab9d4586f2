package evm

import (
	"encoding/hex"
	"math/big"

	"coldsign/shared/chain"
	"coldsign/shared/fault"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"
	"github.com/decred/dcrd/dcrec/secp256k1/v4/ecdsa"
)

// Seal takes the one signature. Legacy v is chainId*2+35+recid (EIP-155); the
// typed forms carry recid itself.
func (t *tx) Seal(sigs []chain.Signature) (chain.Sealed, error) {
	if len(sigs) != 1 {
		return chain.Sealed{}, fault.New("seal.count", "", "%d signatures, want one", len(sigs))
	}
	s := sigs[0]
	if s.Key != t.signer || s.Scheme != chain.ECDSA {
		return chain.Sealed{}, fault.New("seal.key", "", "the signature is of another key or scheme")
	}
	digest := keccak(t.Encode())
	if !verify(s, digest) {
		return chain.Sealed{}, fault.New("seal.signature", "", "the signature does not fit the transaction and the key")
	}
	v := new(big.Int).SetUint64(uint64(s.Bytes[64]))
	if t.Type == Legacy {
		v.Add(v, new(big.Int).SetUint64(35))
		v.Add(v, new(big.Int).Lsh(new(big.Int).SetUint64(t.ChainID), 1))
	}
	tail := appendBig(nil, v)
	for _, b := range [][]byte{s.Bytes[:32], s.Bytes[32:64]} {
		tail = appendBig(tail, new(big.Int).SetBytes(b))
	}
	raw := t.encode(tail)
	id := keccak(raw)
	return chain.Sealed{TxID: "0x" + hex.EncodeToString(id[:]), Raw: raw}, nil
}

// verify: r and s in range, s low (EIP-2), v 0 or 1 and recovering the key.
func verify(s chain.Signature, digest [32]byte) bool {
	var low secp256k1.ModNScalar
	if len(s.Bytes) != 65 || s.Bytes[64] > 1 || low.SetByteSlice(s.Bytes[32:64]) || low.IsOverHalfOrder() {
		return false
	}
	compact := append([]byte{27 + 4 + s.Bytes[64]}, s.Bytes[:64]...) // 4: compressed
	pub, _, err := ecdsa.RecoverCompact(compact, digest[:])
	if err != nil {
		return false
	}
	got, err := chain.NewPublicKey(chain.Secp256k1, pub.SerializeCompressed())
	return err == nil && got == s.Key
}
