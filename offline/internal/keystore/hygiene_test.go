package keystore

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/big"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcec/v2/schnorr"
	"github.com/decred/dcrd/dcrec/secp256k1/v4"
	"github.com/decred/dcrd/dcrec/secp256k1/v4/ecdsa"

	"coldsign/offline/internal/verify"
	"coldsign/shared/chain"
)

// edges are 32-byte digests at which arithmetic goes wrong where it does: zero, the
// group order and the field's prime and their neighbours, all ones, every power of
// two, and leading zero bytes of every number.
func edges() [][]byte {
	c := newSecp()
	var list [][]byte
	add := func(v *big.Int) { list = append(list, v.FillBytes(make([]byte, 32))) }
	top := new(big.Int).Lsh(big.NewInt(1), 256)
	for _, v := range []*big.Int{c.n, new(big.Int).Rsh(c.n, 1), c.p, c.g.x, new(big.Int).Sub(top, c.n)} {
		for d := int64(-2); d <= 2; d++ {
			add(new(big.Int).Add(v, big.NewInt(d)))
		}
	}
	for d := range int64(4) {
		add(big.NewInt(d))
		add(new(big.Int).Sub(top, big.NewInt(d+1)))
	}
	for bit := range uint(256) {
		add(new(big.Int).Lsh(big.NewInt(1), bit))
	}
	for zeros := range 32 {
		m := sha256.Sum256([]byte{byte(zeros)})
		clear(m[:zeros])
		list = append(list, m[:])
	}
	return list
}

// digests gives n distinct digests, the edges first.
func digests(t *testing.T, n int) [][]byte {
	t.Helper()
	list := edges()
	for i := range n {
		m := sha256.Sum256(binary.BigEndian.AppendUint64(nil, uint64(i)))
		list = append(list, m[:])
	}
	seen := map[string]bool{}
	distinct := list[:0]
	for _, m := range list {
		if !seen[string(m)] {
			seen[string(m)], distinct = true, append(distinct, m)
		}
	}
	return distinct[:n]
}

// signed signs all messages on all cores and looks at each signature.
func signed(t *testing.T, k *Key, r chain.SignRequest, messages [][]byte, look func(i int, s []byte) error) [][]byte {
	t.Helper()
	sigs := make([][]byte, len(messages))
	var next atomic.Int64
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < len(messages) && !t.Failed(); i = int(next.Add(1)) - 1 {
				q := r
				q.Message = messages[i]
				s, err := k.Sign(q)
				if err == nil && i%20 == 0 {
					if again, err := k.Sign(q); err != nil || !bytes.Equal(again.Bytes, s.Bytes) {
						t.Errorf("message %d is signed in two ways: %v", i, err)
					}
				}
				if err == nil && (s.Key != q.Key || s.Scheme != q.Scheme) {
					err = fmt.Errorf("signed by %s", s.Key)
				}
				if err == nil {
					err = look(i, s.Bytes)
				}
				if err != nil {
					t.Errorf("message %d: %v", i, err)
				}
				sigs[i] = s.Bytes
			}
		})
	}
	wg.Wait()
	if t.Failed() {
		t.FailNow()
	}
	return sigs
}

// repeats counts signatures whose nonce point was there before; short counts those
// that begin with a zero byte, which some encoders drop.
func repeats(sigs [][]byte) (again, short int) {
	seen := make(map[[32]byte]bool, len(sigs))
	for _, s := range sigs {
		if seen[[32]byte(s[:32])] {
			again++
		}
		if seen[[32]byte(s[:32])] = true; s[0] == 0 {
			short++
		}
	}
	return again, short
}

// few is how many messages are signed by each key that is signed with less.
func few(n int) int {
	if testing.Short() {
		return n / 20
	}
	return n
}

// TestHygieneECDSA is ATT-61: 100,000 messages of one key and some of keys at the
// edge of the range. Each signature has a nonce of its own and low s, and gives
// back the key at its recovery id, which is to verify it; every 125th and the
// edges are verified from the text of SEC 1 as well.
func TestHygieneECDSA(t *testing.T) {
	c := newSecp()
	for secret, n := range map[string]int{
		hexKey: few(100_000),
		"0000000000000000000000000000000000000000000000000000000000000001":          few(500),
		hex.EncodeToString(new(big.Int).Sub(c.n, big.NewInt(1)).Bytes()):            few(500),
		"00000000000000000000000000000000000000000000000000000000ffffffff":          few(500),
		"7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0" /*n/2*/ : few(500),
	} {
		k := key(t, chain.Secp256k1, secret)
		pub := k.Public().Bytes()
		var slow atomic.Int64
		special := 0
		if secret == hexKey {
			special = len(edges())
		}
		messages := digests(t, n)
		sigs := signed(t, k, chain.SignRequest{Key: k.Public(), Scheme: chain.ECDSA}, messages, func(i int, s []byte) error {
			var low secp256k1.ModNScalar
			if len(s) != 65 || s[64] > 1 || low.SetByteSlice(s[32:64]) || low.IsOverHalfOrder() {
				return fmt.Errorf("high s or a strange form: %x", s)
			}
			got, compressed, err := ecdsa.RecoverCompact(append([]byte{31 + s[64]}, s[:64]...), messages[i])
			if err != nil || !compressed || !bytes.Equal(got.SerializeCompressed(), pub) {
				return fmt.Errorf("the signature gives another key: %v", err)
			}
			if i%125 == 0 || i < special {
				if slow.Add(1); !c.ecdsa(pub, messages[i], s) {
					return fmt.Errorf("it does not verify by SEC 1: %x", s)
				}
			}
			return nil
		})
		again, short := repeats(sigs)
		if again != 0 {
			t.Errorf("key %s: %d nonces came twice", k.Public(), again)
		}
		if n > 50_000 && short < 100 {
			t.Errorf("only %d signatures with a leading zero", short)
		}
		t.Logf("%d digests, %d repeated r, %d with a leading zero byte, %d also by SEC 1", len(sigs), again, short, slow.Load())
	}
}

// TestHygieneTaproot is ATT-61 for BIP-340, with and without a merkle root. Keys
// have odd and even y, and the output keys are made by other code.
func TestHygieneTaproot(t *testing.T) {
	c := newSecp()
	root := sha256.Sum256([]byte("root"))
	d := new(big.Int).SetBytes(root[:])
	minus := new(big.Int).Sub(c.n, d)
	if key(t, chain.Secp256k1, d.Text(16)).Public().Even() != key(t, chain.Secp256k1, minus.Text(16)).Public().Even() {
		t.Fatal("a key and its opposite differ in more than y")
	}
	for _, v := range []struct {
		secret *big.Int
		tweak  []byte
	}{{d, nil}, {minus, nil}, {d, root[:]}, {minus, root[:]}} {
		k, tweak := key(t, chain.Secp256k1, v.secret.Text(16)), v.tweak
		out := c.output(k.Public().Bytes()[1:], tweak)
		pub, err := schnorr.ParsePubKey(out)
		if err != nil {
			t.Fatal(err)
		}
		var slow atomic.Int64
		messages := digests(t, few(3000))
		sigs := signed(t, k, chain.SignRequest{Key: k.Public().Even(), Scheme: chain.Taproot, Tweak: tweak}, messages, func(i int, s []byte) error {
			var r btcec.FieldVal
			var v btcec.ModNScalar
			if len(s) != 64 || r.SetByteSlice(s[:32]) || v.SetByteSlice(s[32:]) || !schnorr.NewSignature(&r, &v).Verify(messages[i], pub) {
				return fmt.Errorf("it does not verify: %x", s)
			}
			if i%12 == 0 {
				if slow.Add(1); !c.schnorr(out, messages[i], s) {
					return fmt.Errorf("it does not verify by BIP-340: %x", s)
				}
			}
			return nil
		})
		again, short := repeats(sigs)
		if again != 0 {
			t.Errorf("key %s: %d nonces came twice", k.Public(), again)
		}
		t.Logf("%d digests, %d repeated r, %d with a leading zero byte, %d also by BIP-340", len(sigs), again, short, slow.Load())
	}
}

// TestHygieneEd25519 is ATT-61 for RFC 8032: messages of every length up to 1,232
// bytes (a Solana packet), of 1 MiB, and many of 32.
func TestHygieneEd25519(t *testing.T) {
	k := key(t, chain.Ed25519, "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
	messages := [][]byte{{}, bytes.Repeat([]byte{0xff}, 1<<20), make([]byte, 1<<20)}
	for n := 1; n <= 1232; n++ {
		if n != 32 { // that one is a digest too
			messages = append(messages, make([]byte, n)) // differ by their length alone
		}
	}
	messages = append(messages, digests(t, few(25_000))...)
	sigs := signed(t, k, chain.SignRequest{Key: k.Public(), Scheme: chain.EdDSA}, messages, func(i int, s []byte) error {
		if !ed25519.Verify(k.Public().Bytes(), messages[i], s) {
			return fmt.Errorf("it does not verify: %x", s)
		}
		return nil
	})
	again, _ := repeats(sigs)
	if again != 0 {
		t.Errorf("%d nonces came twice", again)
	}
	var pairs []verify.Pair
	for i, s := range sigs {
		r := chain.SignRequest{Key: k.Public(), Scheme: chain.EdDSA, Message: messages[i]}
		pairs = append(pairs, verify.Pair{Request: r, Signature: chain.Signature{Key: r.Key, Scheme: r.Scheme, Bytes: s}})
	}
	if !verify.All(pairs) {
		t.Error("other code does not verify them")
	}
	t.Logf("%d messages, %d repeated R", len(sigs), again)
}

// The verifiers of this test must be able to say no, and the search to find.
func TestHygieneCanFail(t *testing.T) {
	c := newSecp()
	k := key(t, chain.Secp256k1, hexKey)
	m := sha256.Sum256([]byte("message"))
	out := c.output(k.Public().Bytes()[1:], nil)
	for _, r := range []chain.SignRequest{
		{Key: k.Public(), Scheme: chain.ECDSA, Message: m[:]},
		{Key: k.Public().Even(), Scheme: chain.Taproot, Message: m[:]},
	} {
		s, err := k.Sign(r)
		if err != nil {
			t.Fatal(err)
		}
		good := func(sig []byte) bool {
			if r.Scheme == chain.Taproot {
				return c.schnorr(out, m[:], sig)
			}
			return c.ecdsa(k.Public().Bytes(), m[:], sig)
		}
		if !good(s.Bytes) {
			t.Fatalf("scheme %d: right and refused", r.Scheme)
		}
		for bit := 0; bit < 8*len(s.Bytes); bit += 5 {
			wrong := bytes.Clone(s.Bytes)
			if wrong[bit/8] ^= 1 << (bit % 8); good(wrong) {
				t.Fatalf("scheme %d: bit %d may be wrong", r.Scheme, bit)
			}
		}
		if r.Scheme == chain.ECDSA { // n-s, with the other v, is the other form
			v := new(big.Int).SetBytes(s.Bytes[32:64])
			high := append(bytes.Clone(s.Bytes[:32]), v.Sub(c.n, v).FillBytes(make([]byte, 32))...)
			if good(append(high, s.Bytes[64]^1)) {
				t.Error("high s is right")
			}
		}
	}
	a, b := bytes.Repeat([]byte{1}, 64), bytes.Repeat([]byte{0}, 64)
	if again, short := repeats([][]byte{a, b, append(bytes.Clone(a[:32]), b[32:]...)}); again != 1 || short != 1 {
		t.Errorf("%d, %d", again, short)
	}
}
