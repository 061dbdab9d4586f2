package keystore

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"testing"

	"github.com/btcsuite/btcd/btcec/v2"

	"coldsign/shared/chain"
	"coldsign/shared/chain/bitcoin"
	"coldsign/shared/chain/chaintest"
)

func otherY(k chain.PublicKey) chain.PublicKey {
	b := k.Bytes()
	b[0] ^= 1
	other, err := chain.NewPublicKey(chain.Secp256k1, b)
	if err != nil {
		panic(err)
	}
	return other
}

// ATT-61: 2,000 messages: what numbers of arbitrary size give, valid, the same bytes
// the second time, no r twice, and never that of an ECDSA signature: with one nonce
// the two would give the key away.
func TestSchnorr(t *testing.T) {
	k := key(t, chain.Secp256k1, hexKey)
	secret, err := hex.DecodeString(hexKey)
	if err != nil {
		t.Fatal(err)
	}
	slow := chaintest.Signer(map[chain.PublicKey][]byte{k.Public(): secret})
	seen := map[[32]byte]bool{}
	special := [][]byte{make([]byte, 32), bytes.Repeat([]byte{0xff}, 32), btcec.S256().N.Bytes(), append(make([]byte, 31), 1)}
	for i := range 2_000 {
		m := sha256.Sum256(binary.BigEndian.AppendUint64(nil, uint64(i)))
		if i < len(special) {
			copy(m[:], special[i])
		}
		r := chain.SignRequest{Key: k.Public(), Scheme: chain.Schnorr, Message: m[:]}
		s, err := k.Sign(r)
		if err != nil {
			t.Fatal(err)
		}
		again, err := k.Sign(r)
		if err != nil || !bytes.Equal(again.Bytes, s.Bytes) || !bytes.Equal(slow(r).Bytes, s.Bytes) || !bitcoin.VerifySchnorr(k.Public(), m[:], s.Bytes) {
			t.Fatalf("message %d: %x, again %x, %v", i, s.Bytes, again.Bytes, err)
		}
		r.Scheme = chain.ECDSA
		other, err := k.Sign(r)
		if err != nil {
			t.Fatal(err)
		}
		for _, x := range [][]byte{s.Bytes[:32], other.Bytes[:32]} {
			if seen[[32]byte(x)] {
				t.Fatalf("message %d: r was used before", i)
			}
			seen[[32]byte(x)] = true
		}
	}
}
