package verify

import (
	"crypto/ed25519"
	"crypto/sha256"
	"fmt"
	"testing"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"
	"github.com/decred/dcrd/dcrec/secp256k1/v4/ecdsa"

	"coldsign/shared/chain"
)

func digest(format string, args ...any) [32]byte {
	return sha256.Sum256(fmt.Appendf(nil, format, args...))
}

// made gives n right pairs of a scheme, by keys different keys.
func made(t testing.TB, scheme chain.Scheme, n, keys int) []Pair {
	t.Helper()
	pairs := make([]Pair, n)
	for i := range pairs {
		secret, m := digest("key %d", i%keys), digest("message %d", i)
		p := &pairs[i]
		switch scheme {
		case chain.ECDSA:
			k := secp256k1.PrivKeyFromBytes(secret[:])
			pub, err := chain.NewPublicKey(chain.Secp256k1, k.PubKey().SerializeCompressed())
			if err != nil {
				t.Fatal(err)
			}
			c := ecdsa.SignCompact(k, m[:], true)
			p.Request = chain.SignRequest{Key: pub, Scheme: scheme, Message: m[:]}
			p.Signature = chain.Signature{Key: pub, Scheme: scheme, Bytes: append(c[1:65:65], c[0]-31)}
		case chain.EdDSA:
			k := ed25519.NewKeyFromSeed(secret[:])
			pub, err := chain.NewPublicKey(chain.Ed25519, k[32:])
			if err != nil {
				t.Fatal(err)
			}
			text := append(m[:], secret[:i%32]...)
			p.Request = chain.SignRequest{Key: pub, Scheme: scheme, Message: text}
			p.Signature = chain.Signature{Key: pub, Scheme: scheme, Bytes: ed25519.Sign(k, text)}
		}
	}
	return pairs
}

func TestAll(t *testing.T) {
	if !All(nil) {
		t.Error("nothing to check is refused")
	}
	for _, scheme := range []chain.Scheme{chain.ECDSA, chain.EdDSA} {
		for _, n := range []int{1, 2, 3, 100, 700} {
			for _, keys := range []int{1, 2, n} {
				if !All(made(t, scheme, n, keys)) {
					t.Errorf("scheme %d: %d right signatures by %d keys are refused", scheme, n, keys)
				}
			}
		}
	}
	if !All(append(made(t, chain.ECDSA, 50, 3), made(t, chain.EdDSA, 50, 3)...)) {
		t.Error("a mixed batch is refused")
	}
}

// Any one bit of any one signature, message or key spoils the batch.
func TestOneFaultSpoilsTheBatch(t *testing.T) {
	for _, scheme := range []chain.Scheme{chain.ECDSA, chain.EdDSA} {
		good := made(t, scheme, 20, 3)
		size := len(good[0].Signature.Bytes)
		for bit := range size * 8 {
			bad := append([]Pair(nil), good...)
			at := bit % len(bad)
			bad[at].Signature.Bytes = append([]byte(nil), bad[at].Signature.Bytes...)
			bad[at].Signature.Bytes[bit/8] ^= 1 << (bit % 8)
			if All(bad) {
				t.Fatalf("scheme %d: bit %d of a signature may be wrong", scheme, bit)
			}
		}
		for bit := range 256 {
			bad := append([]Pair(nil), good...)
			at := bit % len(bad)
			bad[at].Request.Message = append([]byte(nil), bad[at].Request.Message...)
			bad[at].Request.Message[bit/8] ^= 1 << (bit % 8)
			if All(bad) {
				t.Fatalf("scheme %d: bit %d of a message may be wrong", scheme, bit)
			}
		}
		swapped := append([]Pair(nil), good...)
		swapped[0].Signature, swapped[1].Signature = good[1].Signature, good[0].Signature
		if All(swapped) {
			t.Errorf("scheme %d: two signatures may be swapped", scheme)
		}
		foreign := append([]Pair(nil), good...)
		foreign[0].Request.Key = good[1].Request.Key
		if All(foreign) {
			t.Errorf("scheme %d: another key may have signed", scheme)
		}
		short := append([]Pair(nil), good...)
		short[0].Signature.Bytes = good[0].Signature.Bytes[:size-1]
		if All(short) {
			t.Errorf("scheme %d: a signature may be short", scheme)
		}
	}
	odd := made(t, chain.ECDSA, 2, 1)
	odd[0].Request.Scheme = 0
	if All(odd) {
		t.Error("an unknown scheme passes")
	}
}

func BenchmarkAll(b *testing.B) {
	for _, scheme := range []chain.Scheme{chain.ECDSA, chain.EdDSA} {
		for _, keys := range []int{1, 2048} {
			pairs := made(b, scheme, 2048, keys)
			b.Run(fmt.Sprintf("scheme %d, %d keys", scheme, keys), func(b *testing.B) {
				for b.Loop() {
					if !All(pairs) {
						b.Fatal("refused")
					}
				}
				b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/2048, "us/signature")
			})
		}
	}
}
