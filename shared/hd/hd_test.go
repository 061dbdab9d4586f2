package hd

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math/big"
	"math/rand/v2"
	"strings"
	"testing"

	"coldsign/shared/chain"
	"coldsign/shared/fault"

	"github.com/btcsuite/btcd/address/v2/base58"
	"github.com/btcsuite/btcd/btcutil/v2/hdkeychain"
	"github.com/btcsuite/btcd/chaincfg/v2"
	"github.com/decred/dcrd/dcrec/secp256k1/v4"
)

var testSeed = bytes.Repeat([]byte{7}, 32)

func TestSeedLength(t *testing.T) {
	for n := range 80 {
		ok := n >= 16 && n <= 64
		if _, err := NewMaster(make([]byte, n)); ok != (err == nil) || !ok && !fault.Is(err, "hd.seed") {
			t.Errorf("BIP-32 seed of %d bytes: %v", n, err)
		}
		if _, err := DeriveEd25519(make([]byte, n), nil); ok != (err == nil) || !ok && !fault.Is(err, "hd.seed") {
			t.Errorf("SLIP-10 seed of %d bytes: %v", n, err)
		}
	}
}

// TestDifferential derives along random paths with btcd's hdkeychain.
func TestDifferential(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 100 {
		seed := make([]byte, 16+r.IntN(49))
		for i := range seed {
			seed[i] = byte(r.Uint32())
		}
		k := master(t, seed)
		net, testnet := &chaincfg.MainNetParams, r.IntN(2) == 0
		if testnet {
			net = &chaincfg.TestNet3Params
		}
		oracle, err := hdkeychain.NewMaster(seed, net)
		if err != nil {
			t.Fatal(err)
		}
		for range 1 + r.IntN(6) {
			i := r.Uint32()
			before := k.Public()
			if k, err = k.Child(i); err != nil {
				t.Fatal(err)
			}
			if oracle, err = oracle.Derive(i); err != nil {
				t.Fatal(err)
			}
			if i < chain.Hardened {
				if p, err := before.Child(i); err != nil || *p != *k.Public() {
					t.Fatalf("public derivation differs: %v", err)
				}
			}
			public, err := oracle.Neuter()
			if err != nil {
				t.Fatal(err)
			}
			if k.Encode(testnet) != oracle.String() || k.Public().Encode(testnet) != public.String() {
				t.Fatalf("seed %x, index %d: differs", seed, i)
			}
		}
	}
}

// order is the order n of secp256k1, which encodes as no scalar.
var order = [32]byte(secp256k1.Params().N.Bytes())

func TestInvalidChild(t *testing.T) {
	key := new(secp256k1.ModNScalar).SetInt(5)
	minus := new(secp256k1.ModNScalar).NegateVal(key).Bytes()
	point := secp256k1.NewPrivateKey(key).PubKey()
	zero, one := [32]byte{}, [32]byte{31: 1}
	for name, c := range map[string]struct {
		left [32]byte
		ok   bool
	}{"order": {order, false}, "sum zero": {minus, false}, "left zero": {zero, true}, "left one": {one, true}, "all ones": {[32]byte(bytes.Repeat([]byte{255}, 32)), false}} {
		sum, ok := addScalar(&c.left, key)
		p, okPublic := addPoint(&c.left, point)
		if ok != c.ok || okPublic != c.ok {
			t.Errorf("%s: private %v, public %v", name, ok, okPublic)
			continue
		}
		if ok && !secp256k1.NewPrivateKey(&sum).PubKey().IsEqual(p) {
			t.Errorf("%s: private and public child differ", name)
		}
	}
	if !fault.Is(errChild(3), "hd.child") {
		t.Error("an index without key has no code")
	}
}

func TestPublicRefusals(t *testing.T) {
	p := master(t, testSeed).Public()
	if _, err := p.Child(chain.Hardened); !fault.Is(err, "hd.hardened") {
		t.Errorf("hardened child of a public key: %v", err)
	}
	if _, err := p.Derive([]uint32{0, chain.Hardened + 1}); !fault.Is(err, "hd.hardened") {
		t.Errorf("hardened path of a public key: %v", err)
	}
	if _, err := DeriveEd25519(testSeed, []uint32{chain.Hardened, 0}); !fault.Is(err, "hd.hardened") {
		t.Errorf("normal child of an Ed25519 key: %v", err)
	}
}

func TestDepth(t *testing.T) {
	k := master(t, testSeed)
	path := make([]uint32, maxDepth)
	deep, err := k.Derive(path)
	if err != nil || deep.Public().Depth() != 255 {
		t.Fatalf("255 levels: %v", err)
	}
	public, err := k.Public().Derive(path)
	if err != nil || public.String() != deep.Public().String() {
		t.Fatalf("255 public levels: %v", err)
	}
	if _, err := deep.Child(0); !fault.Is(err, "hd.depth") {
		t.Errorf("256 levels: %v", err)
	}
	if _, err := public.Child(0); !fault.Is(err, "hd.depth") {
		t.Errorf("256 public levels: %v", err)
	}
	if _, err := DeriveEd25519(testSeed, make([]uint32, 256)); !fault.Is(err, "hd.depth") {
		t.Errorf("256 Ed25519 levels: %v", err)
	}
}

func TestNewPublic(t *testing.T) {
	want := derive(t, master(t, testSeed), "m/44'/1").Public()
	got, err := NewPublic(want.Key(), want.ChainCode(), want.Depth(), want.Parent(), want.Index())
	if err != nil || *got != *want {
		t.Errorf("parts do not make the same key: %v", err)
	}
	ed, err := chain.NewPublicKey(chain.Ed25519, make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	for name, make := range map[string]func() (*Public, error){
		"no key":        func() (*Public, error) { return NewPublic(chain.PublicKey{}, [32]byte{}, 0, [4]byte{}, 0) },
		"Ed25519":       func() (*Public, error) { return NewPublic(ed, [32]byte{}, 0, [4]byte{}, 0) },
		"off the curve": func() (*Public, error) { return NewPublic(chain.XOnly([32]byte{31: 5}), [32]byte{}, 0, [4]byte{}, 0) },
		"parent":        func() (*Public, error) { return NewPublic(want.Key(), [32]byte{}, 0, [4]byte{1}, 0) },
		"index":         func() (*Public, error) { return NewPublic(want.Key(), [32]byte{}, 0, [4]byte{}, 1) },
	} {
		if _, err := make(); !fault.Is(err, "hd.key") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestParseStrict takes a good key and changes it in each way that must fail.
func TestParseStrict(t *testing.T) {
	k := derive(t, master(t, testSeed), "m/1")
	for _, good := range []string{k.Encode(false), k.Encode(true), k.Public().Encode(false), k.Public().Encode(true)} {
		if len(good) != encodedLen {
			t.Fatalf("%d characters", len(good))
		}
		refused := func(s string) {
			_, err := ParsePrivate(s)
			_, err2 := ParsePublic(s)
			if !fault.Is(err, "hd.key") || !fault.Is(err2, "hd.key") {
				t.Errorf("%q was read: %v, %v", s, err, err2)
			}
		}
		for i := range good {
			refused(good[:i])
			for _, c := range []byte{'1', 'z', '0', ' ', 0xff} {
				if good[i] != c {
					refused(good[:i] + string([]byte{c}) + good[i+1:])
				}
			}
		}
		for _, s := range []string{"", " " + good, good + " ", good + "\n", "1" + good, good + good, strings.ToUpper(good), strings.Repeat("\u00e9", 55) + "1"} {
			refused(s)
		}
		raw := decodeRaw(good)
		for _, version := range []uint32{0, 0x04b24746, 0x049d7cb2, xpub ^ 1} {
			binary.BigEndian.PutUint32(raw, version)
			refused(encodeRaw(raw))
		}
	}
	if _, err := ParsePublic(k.Encode(false)); !fault.Is(err, "hd.key") {
		t.Errorf("an xprv was read as public: %v", err)
	}
	if _, err := ParsePrivate(k.Public().String()); !fault.Is(err, "hd.key") {
		t.Errorf("an xpub was read as private: %v", err)
	}
}

func TestTestnetStays(t *testing.T) {
	k, err := ParsePrivate(master(t, testSeed).Encode(true))
	if err != nil {
		t.Fatal(err)
	}
	child := derive(t, k, "m/1'/2")
	if !child.Testnet() || !strings.HasPrefix(child.Public().String(), "tpub") || master(t, testSeed).Testnet() {
		t.Error("the network of a key got lost")
	}
}

// TestSecretsStayHidden prints secrets and errors about them in every way.
func TestSecretsStayHidden(t *testing.T) {
	k := derive(t, master(t, testSeed), "m/1'")
	m, err := NewMnemonic(testSeed)
	if err != nil {
		t.Fatal(err)
	}
	secret := fmt.Sprintf("%x", k.Secret())
	var out strings.Builder
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		fmt.Fprintf(&out, verb+verb+verb+verb+"\n", k, *k, m, *m)
		fmt.Fprintf(&out, verb+"\n", struct {
			K *Private
			M Mnemonic
		}{k, *m})
	}
	for _, v := range []any{k, m} {
		b, err := json.Marshal(v)
		out.Write(b)
		fmt.Fprintln(&out, err)
	}
	xprv := k.Encode(false)
	_, err = ParsePublic(xprv)
	fmt.Fprintln(&out, err)
	_, err = ParsePrivate(xprv[:110])
	fmt.Fprintln(&out, err)
	words := m.Words()
	_, err = ParseMnemonic([]byte(strings.Join(words[:23], " ") + " zzz" + words[23]))
	fmt.Fprintln(&out, err)
	_, err = ParseMnemonic([]byte(strings.Join(words[:22], " ") + " zoo zoo"))
	fmt.Fprintln(&out, err)
	text := strings.ToLower(out.String())
	for _, leak := range append(words, secret[:8], xprv[4:12], "0707") {
		if strings.Contains(text, strings.ToLower(leak)) {
			t.Errorf("a secret is shown (%d letters):\n%s", len(leak), out.String())
		}
	}
	if strings.Count(text, "redacted") < 7*6 {
		t.Errorf("nothing was redacted:\n%s", out.String())
	}
}

func TestWipe(t *testing.T) {
	k := master(t, testSeed)
	public := k.Public()
	k.Wipe()
	for name, k := range map[string]*Private{"wiped": k, "zero": new(Private)} {
		if *k != (Private{}) || k.Secret() != nil || k.Encode(false) != "" || k.Public().String() != "" || k.Fingerprint() != [4]byte{} {
			t.Errorf("%s: something is left", name)
		}
		if _, err := k.Child(0); !fault.Is(err, "hd.empty") {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := k.Derive(nil); !fault.Is(err, "hd.empty") {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := k.Public().Child(0); !fault.Is(err, "hd.empty") {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := k.Public().Derive(nil); !fault.Is(err, "hd.empty") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := public.Child(0); err != nil {
		t.Errorf("the public key went with the private one: %v", err)
	}
}

// TestDeriveKeepsParent checks that wiping the way leaves its start alone.
func TestDeriveKeepsParent(t *testing.T) {
	k := master(t, testSeed)
	before := k.Encode(false)
	same := derive(t, k, "m")
	child := derive(t, k, "m/0'/1")
	same.Wipe()
	if k.Encode(false) != before || child.Encode(false) == before {
		t.Error("deriving changed the parent")
	}
	s := child.Secret()
	clear(s)
	if bytes.Equal(child.Secret(), s) {
		t.Error("Secret gives away its own memory")
	}
}

func TestParsePath(t *testing.T) {
	for text, want := range map[string]string{
		"m":                        "m",
		"m/0":                      "m/0",
		"m/44'/0'/0'/0/7":          "m/44'/0'/0'/0/7",
		"m/44h/501h/0'/2147483647": "m/44'/501'/0'/2147483647",
		"m/2147483647'":            "m/2147483647'",
		"m" + strings.Repeat("/2147483647'", 255): "m" + strings.Repeat("/2147483647'", 255),
	} {
		path, err := ParsePath(text)
		if err != nil || chain.PathString(path) != want {
			t.Errorf("%s: %s, %v", text, chain.PathString(path), err)
		}
	}
	for _, text := range []string{
		"", "/", "M", "m/", "m//0", "0", "44'/0'", "/m", "m/m", "m/00", "m/01", "m/+1", "m/-1", "m/1 ", " m/1", "m/1\n", "m/1''", "m/1'h",
		"m/1H", "m/'", "m/h", "m/2147483648", "m/2147483648'", "m/4294967296", "m/18446744073709551616", "m/0x1", "m/1_0", "m/1.0", "m/*", "m/\u0661",
		"m" + strings.Repeat("/0", 256), "m/" + strings.Repeat("1", 4000),
	} {
		if path, err := ParsePath(text); !fault.Is(err, "hd.path") {
			t.Errorf("%q was read as %v: %v", text, path, err)
		}
	}
}

// TestWords checks the words that people compare across the gap.
func TestWords(t *testing.T) {
	zeros, ones := make([]byte, 32), bytes.Repeat([]byte{255}, 32)
	for _, c := range []struct {
		digest []byte
		n      int
		want   string
	}{
		{zeros, 6, "abandon abandon abandon abandon abandon abandon"},
		{ones, 2, "zoo zoo"},
		{[]byte{0, 0x20, 0x20}, 2, "ability absurd"}, // 1 and 8 of the list, by hand: 00000000001 00000001000
		{[]byte{0x80, 0}, 1, "length"},               // 1024
		{zeros, 0, ""}, {nil, 0, ""},
		{zeros, 23, strings.TrimSpace(strings.Repeat("abandon ", 23))},
	} {
		if got := strings.Join(Words(c.digest, c.n), " "); got != c.want {
			t.Errorf("%x: %q, not %q", c.digest, got, c.want)
		}
	}
	for _, c := range []struct{ bytes, n int }{{32, 24}, {32, -1}, {1, 1}, {0, 1}, {32, 1 << 30}} {
		if got := Words(make([]byte, c.bytes), c.n); got != nil {
			t.Errorf("%d words of %d bytes: %v", c.n, c.bytes, got)
		}
	}
	// A digest's words are those of the mnemonic with the same entropy.
	digest := sha256.Sum256([]byte("coldsign"))
	m, err := NewMnemonic(digest[:])
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(Words(digest[:], 23), " "); got != strings.Join(m.Words()[:23], " ") {
		t.Errorf("%q", got)
	}
}

func BenchmarkPublicChild(b *testing.B) {
	p := master(b, testSeed).Public()
	b.ReportAllocs()
	for i := uint32(0); b.Loop(); i++ {
		if _, err := p.Child(i); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkPublicChildHdkeychain(b *testing.B) {
	k, err := hdkeychain.NewKeyFromString(master(b, testSeed).Public().String())
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for i := uint32(0); b.Loop(); i++ {
		if _, err := k.Derive(i); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkPrivateDerive(b *testing.B) {
	k := master(b, testSeed)
	path := mustPath(b, "m/44'/0'/0'/0/7")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := k.Derive(path); err != nil {
			b.Fatal(err)
		}
	}
}

// encodeRaw adds the checksum to 78 bytes; decodeRaw takes it off.
func encodeRaw(raw []byte) string {
	sum := checksum(raw)
	return base58.Encode(append(raw[:rawLen:rawLen], sum[:]...))
}

func decodeRaw(text string) []byte { return base58.Decode(text)[:rawLen] }

// TestKeyRange tries the edges of scalars and of coordinates, with good checksums.
func TestKeyRange(t *testing.T) {
	above := func(n *big.Int, d int64) []byte {
		return new(big.Int).Add(n, big.NewInt(d)).FillBytes(make([]byte, 32))
	}
	n, p := secp256k1.Params().N, secp256k1.Params().P
	private, public := decodeRaw(master(t, testSeed).Encode(false)), decodeRaw(master(t, testSeed).Public().String())
	with := func(raw []byte, prefix byte, key []byte) string {
		return encodeRaw(append(append(raw[:45:45], prefix), key...))
	}
	for name, c := range map[string]struct {
		prefix byte
		key    []byte
		ok     bool
	}{
		"zero": {0, make([]byte, 32), false}, "one": {0, append(make([]byte, 31), 1), true}, "n-1": {0, above(n, -1), true},
		"n": {0, above(n, 0), false}, "n+1": {0, above(n, 1), false}, "largest": {0, bytes.Repeat([]byte{255}, 32), false},
		"prefix": {2, above(n, -1), false},
	} {
		if _, err := ParsePrivate(with(private, c.prefix, c.key)); c.ok != (err == nil) || !c.ok && !fault.Is(err, "hd.key") {
			t.Errorf("private %s: %v", name, err)
		}
	}
	for name, c := range map[string]struct {
		prefix byte
		x      []byte
		ok     bool
	}{
		"1, even": {2, append(make([]byte, 31), 1), true}, "1, odd": {3, append(make([]byte, 31), 1), true},
		"p+1": {2, above(p, 1), false}, "hybrid": {6, append(make([]byte, 31), 1), false}, "infinity": {0, make([]byte, 32), false},
	} {
		if _, err := ParsePublic(with(public, c.prefix, c.x)); c.ok != (err == nil) || !c.ok && !fault.Is(err, "hd.key") {
			t.Errorf("public %s: %v", name, err)
		}
	}
}
