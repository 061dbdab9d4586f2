package keystore

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"math/big"
	"os"
	"testing"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/ethereum/go-ethereum/crypto"

	"coldsign/shared/chain"
	"coldsign/shared/fault"
)

func key(t testing.TB, c chain.Curve, secret string) *Key {
	t.Helper()
	b, err := hex.DecodeString(secret)
	if err != nil {
		t.Fatal(err)
	}
	k, err := NewKey(c, b)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// ATT-61: 10,000 messages: no r twice, s low, the same bytes the second time,
// and an independent library verifies and recovers.
func TestECDSA(t *testing.T) {
	k := key(t, chain.Secp256k1, hexKey)
	secret, err := crypto.HexToECDSA(hexKey)
	if err != nil {
		t.Fatal(err)
	}
	half := new(big.Int).Rsh(btcec.S256().N, 1)
	seen := map[[32]byte]bool{}
	special := [][]byte{make([]byte, 32), bytes.Repeat([]byte{0xff}, 32), btcec.S256().N.Bytes(), append(make([]byte, 31), 1)}
	for i := range 10_000 {
		m := sha256.Sum256(binary.BigEndian.AppendUint64(nil, uint64(i)))
		if i < len(special) {
			copy(m[:], special[i])
		}
		s, err := k.Sign(chain.SignRequest{Key: k.Public(), Scheme: chain.ECDSA, Message: m[:]})
		if err != nil {
			t.Fatal(err)
		}
		if len(s.Bytes) != 65 || s.Bytes[64] > 1 || s.Key != k.Public() || s.Scheme != chain.ECDSA {
			t.Fatalf("message %d: %x", i, s.Bytes)
		}
		r := [32]byte(s.Bytes[:32])
		if seen[r] {
			t.Fatalf("message %d: r was used before", i)
		}
		seen[r] = true
		if new(big.Int).SetBytes(s.Bytes[32:64]).Cmp(half) > 0 {
			t.Fatalf("message %d: high s", i)
		}
		if i%20 != 0 && i >= len(special) {
			continue
		}
		if !crypto.VerifySignature(k.Public().Bytes(), m[:], s.Bytes[:64]) {
			t.Fatalf("message %d: does not verify", i)
		}
		if pub, err := crypto.SigToPub(m[:], s.Bytes); err != nil || !pub.Equal(&secret.PublicKey) {
			t.Fatalf("message %d: recovers another key: %v", i, err)
		}
		// RFC 6979 leaves one answer: two libraries give the same bytes, save for
		// a digest at or above the group order, which only one of them reduces.
		if new(big.Int).SetBytes(m[:]).Cmp(btcec.S256().N) >= 0 {
			continue
		}
		if want, err := crypto.Sign(m[:], secret); err != nil || !bytes.Equal(want, s.Bytes) {
			t.Fatalf("message %d: %x, another library says %x (%v)", i, s.Bytes, want, err)
		}
	}
}

func TestTaprootVectors(t *testing.T) {
	raw, err := os.ReadFile("../../../testdata/bitcoin/bip341.json")
	if err != nil {
		t.Fatal(err)
	}
	var v struct {
		KeyPathSpending []struct {
			InputSpending []struct {
				Given        struct{ InternalPrivkey, MerkleRoot string }
				Intermediary struct{ InternalPubkey, TweakedPrivkey, SigHash string }
				Expected     struct{ Witness []string }
			}
		}
	}
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatal(err)
	}
	unhex := func(s string) []byte {
		b, err := hex.DecodeString(s)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	n := 0
	for _, tx := range v.KeyPathSpending {
		for _, in := range tx.InputSpending {
			n++
			k := key(t, chain.Secp256k1, in.Given.InternalPrivkey)
			if got := k.Public().Even(); got != chain.XOnly([32]byte(unhex(in.Intermediary.InternalPubkey))) {
				t.Errorf("vector %d: internal key %s", n, got)
			}
			root := unhex(in.Given.MerkleRoot)
			if got := tweak(k.ec, root).Serialize(); hex.EncodeToString(got) != in.Intermediary.TweakedPrivkey {
				t.Errorf("vector %d: tweaked key is another", n)
			}
			before := k.ec.Serialize()
			s, err := k.Sign(chain.SignRequest{Key: k.Public().Even(), Scheme: chain.Taproot, Message: unhex(in.Intermediary.SigHash), Tweak: root})
			if err != nil || !bytes.Equal(s.Bytes, unhex(in.Expected.Witness[0])[:64]) {
				t.Errorf("vector %d: %x, %v", n, s.Bytes, err)
			}
			if !bytes.Equal(before, k.ec.Serialize()) {
				t.Errorf("vector %d: signing changed the key", n)
			}
		}
	}
	if n < 7 {
		t.Fatalf("only %d vectors", n)
	}
}

func TestEd25519(t *testing.T) {
	k := key(t, chain.Ed25519, "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
	for _, m := range [][]byte{nil, {0}, bytes.Repeat([]byte{7}, 1232)} {
		for range 2 {
			s, err := k.Sign(chain.SignRequest{Key: k.Public(), Scheme: chain.EdDSA, Message: m})
			if err != nil || !ed25519.Verify(k.Public().Bytes(), m, s.Bytes) {
				t.Errorf("%d bytes: %v", len(m), err)
			}
		}
	}
}

func TestSignRefuses(t *testing.T) {
	ec, ed := key(t, chain.Secp256k1, hexKey), key(t, chain.Ed25519, hexKey)
	m := make([]byte, 32)
	for name, c := range map[string]struct {
		k *Key
		r chain.SignRequest
	}{
		"no scheme":               {ec, chain.SignRequest{Key: ec.Public(), Message: m}},
		"unknown scheme":          {ec, chain.SignRequest{Key: ec.Public(), Scheme: 9, Message: m}},
		"another key":             {ec, chain.SignRequest{Key: key(t, chain.Secp256k1, hexKey[2:]+"01").Public(), Scheme: chain.ECDSA, Message: m}},
		"no key":                  {ec, chain.SignRequest{Scheme: chain.ECDSA, Message: m}},
		"message of 31 bytes":     {ec, chain.SignRequest{Key: ec.Public(), Scheme: chain.ECDSA, Message: m[:31]}},
		"message of 33 bytes":     {ec, chain.SignRequest{Key: ec.Public(), Scheme: chain.ECDSA, Message: make([]byte, 33)}},
		"no message":              {ec, chain.SignRequest{Key: ec.Public(), Scheme: chain.ECDSA}},
		"taproot, no message":     {ec, chain.SignRequest{Key: ec.Public().Even(), Scheme: chain.Taproot}},
		"taproot, odd tweak":      {ec, chain.SignRequest{Key: ec.Public().Even(), Scheme: chain.Taproot, Message: m, Tweak: m[:31]}},
		"Schnorr, 31 bytes":       {ec, chain.SignRequest{Key: ec.Public(), Scheme: chain.Schnorr, Message: m[:31]}},
		"Schnorr, the other y":    {ec, chain.SignRequest{Key: otherY(ec.Public()), Scheme: chain.Schnorr, Message: m}},
		"Schnorr with Ed25519":    {ed, chain.SignRequest{Key: ed.Public(), Scheme: chain.Schnorr, Message: m}},
		"Ed25519 with secp256k1":  {ec, chain.SignRequest{Key: ec.Public(), Scheme: chain.EdDSA, Message: m}},
		"ECDSA with Ed25519":      {ed, chain.SignRequest{Key: ed.Public(), Scheme: chain.ECDSA, Message: m}},
		"Taproot with an Ed25519": {ed, chain.SignRequest{Key: ed.Public(), Scheme: chain.Taproot, Message: m}},
	} {
		s, err := c.k.Sign(c.r)
		if err == nil || len(s.Bytes) != 0 || !fault.Is(err, "sign.key") && !fault.Is(err, "sign.scheme") {
			t.Errorf("%s: %x, %v", name, s.Bytes, err)
		}
	}
	for name, b := range map[string][]byte{"zero": make([]byte, 32)} {
		if _, err := NewKey(chain.Secp256k1, b); err == nil {
			t.Errorf("a key of %s", name)
		}
	}
	if _, err := NewKey(0, m); err == nil {
		t.Error("a key of no curve")
	}
}
