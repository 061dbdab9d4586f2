package selftest

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha3"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"coldsign/offline/internal/verify"
	"coldsign/shared/bundle"
	"coldsign/shared/chain"
	"coldsign/shared/chain/registry"
	"coldsign/shared/fault"
	"coldsign/shared/hd"
)

func TestAll(t *testing.T) {
	checks := All(registry.New())
	if want := 15 + len(registry.New().All()); len(checks) != want || want < 16 {
		t.Fatalf("%d checks, want %d", len(checks), want)
	}
	for _, c := range checks {
		if err := c.Do(); err != nil {
			t.Errorf("%s: %v", c.Name, err)
		}
	}
}

// The cost of a start, by check; the bound is many times what is measured on a
// small machine, for one that is busy.
func TestPowerOn(t *testing.T) {
	best := map[string]time.Duration{}
	total := time.Hour
	for i := range 20 {
		start := time.Now()
		for _, c := range checks(registry.New(), shipped(hd.NewSource()), 1) {
			at := time.Now()
			if err := c.Do(); err != nil {
				t.Fatal(err)
			}
			if d := time.Since(at); best[c.Name] == 0 || d < best[c.Name] {
				best[c.Name] = d
			}
		}
		if total = min(total, time.Since(start)); i == 0 {
			t.Logf("%8.3f ms  the first time, tables of points included", total.Seconds()*1000)
		}
	}
	for _, c := range All(registry.New()) {
		t.Logf("%8.3f ms  %s", best[c.Name].Seconds()*1000, c.Name)
	}
	t.Logf("%8.3f ms  all", total.Seconds()*1000)
	if total > 150*time.Millisecond {
		t.Errorf("a start costs %v", total)
	}
	if err := PowerOn(registry.New(), hd.NewSource()); err != nil {
		t.Fatal(err)
	}
}

// forger is a key in a machine that spoils what it signs.
type forger struct {
	signer
	spoil func(s []byte, r chain.SignRequest)
}

func (f forger) Sign(r chain.SignRequest) (chain.Signature, error) {
	s, err := f.signer.Sign(r)
	s.Bytes = bytes.Clone(s.Bytes)
	f.spoil(s.Bytes, r)
	return s, err
}

// stranger is a key that names another as its own.
type stranger struct{ signer }

func (s stranger) Public() chain.PublicKey {
	b := s.signer.Public().Bytes()
	b[20] ^= 1
	k, err := chain.NewPublicKey(s.signer.Public().Curve(), b)
	if err != nil {
		panic(err)
	}
	return k
}

func (s stranger) Sign(r chain.SignRequest) (chain.Signature, error) {
	r.Key = s.signer.Public()
	if r.Scheme == chain.Taproot {
		r.Key = r.Key.Even()
	}
	return s.signer.Sign(r)
}

// wrapKey changes the keys of p.
func wrapKey(p *primitives, f func(signer) signer) {
	old := p.key
	p.key = func(c chain.Curve, secret []byte) (signer, func(), error) {
		k, end, err := old(c, secret)
		if err != nil {
			return nil, nil, err
		}
		return f(k), end, nil
	}
}

// spoils has the signatures of a scheme spoilt.
func spoils(p *primitives, scheme chain.Scheme, spoil func(s []byte, r chain.SignRequest)) {
	wrapKey(p, func(k signer) signer {
		return forger{k, func(s []byte, r chain.SignRequest) {
			if r.Scheme == scheme {
				spoil(s, r)
			}
		}}
	})
}

func flip(bit int) func([]byte, chain.SignRequest) {
	return func(s []byte, _ chain.SignRequest) { s[bit/8] ^= 1 << (bit % 8) }
}

// sometimes spoils every second signature.
func sometimes() func([]byte, chain.SignRequest) {
	n := 0
	return func(s []byte, _ chain.SignRequest) {
		if n++; n%2 == 0 {
			s[40] ^= 1
		}
	}
}

var errBroken = errors.New("broken")

// broken are the faults: of which primitive, what breaks it, and the check that
// must notice.
type broken struct {
	field, name, check string
	do                 func(p *primitives)
}

func faults() []broken {
	wrong := func(sum [32]byte) [32]byte { sum[31] ^= 1; return sum }
	right := shipped(nil)
	list := []broken{
		{"key", "no keys", "RFC 6979 ECDSA", func(p *primitives) {
			p.key = func(chain.Curve, []byte) (signer, func(), error) { return nil, nil, errBroken }
		}},
		{"key", "signs nothing", "COSE", func(p *primitives) {
			wrapKey(p, func(k signer) signer { return mute{k} })
		}},
		{"key", "another public key, ECDSA", "fresh ECDSA", func(p *primitives) { wrapKey(p, func(k signer) signer { return stranger{k} }) }},
		{"key", "another public key, Taproot", "fresh Taproot", func(p *primitives) { wrapKey(p, func(k signer) signer { return stranger{k} }) }},
		{"key", "another public key, Ed25519", "fresh Ed25519", func(p *primitives) { wrapKey(p, func(k signer) signer { return stranger{k} }) }},
		{"key", "tweak ignored", "BIP-341 key path", func(p *primitives) { wrapKey(p, func(k signer) signer { return tweakless{k} }) }},
		{"key", "tweak ignored, fresh", "fresh Taproot", func(p *primitives) { wrapKey(p, func(k signer) signer { return tweakless{k} }) }},
		{"key", "bundle signed wrongly", "COSE", func(p *primitives) { spoils(p, chain.EdDSA, flip(100)) }},
		{"together", "takes all, ECDSA", "fresh ECDSA", func(p *primitives) { p.together = func([]verify.Pair) bool { return true } }},
		{"together", "takes all, Ed25519", "fresh Ed25519", func(p *primitives) { p.together = func([]verify.Pair) bool { return true } }},
		{"together", "takes nothing", "fresh Ed25519", func(p *primitives) { p.together = func([]verify.Pair) bool { return false } }},
		{"together", "looks away from messages", "fresh ECDSA", func(p *primitives) {
			first := map[string]verify.Pair{}
			p.together = func(l []verify.Pair) bool {
				s := string(l[0].Signature.Bytes)
				if _, ok := first[s]; !ok {
					first[s] = l[0]
				}
				return right.together([]verify.Pair{first[s]})
			}
		}},
		{"ecdsa", "takes all", "fresh ECDSA", func(p *primitives) { p.ecdsa = func(chain.PublicKey, []byte, []byte) bool { return true } }},
		{"ecdsa", "takes nothing", "fresh ECDSA", func(p *primitives) { p.ecdsa = func(chain.PublicKey, []byte, []byte) bool { return false } }},
		{"ecdsa", "looks away from v", "fresh ECDSA", func(p *primitives) {
			p.ecdsa = func(k chain.PublicKey, d, s []byte) bool {
				s = bytes.Clone(s)
				s[64] &^= 1
				other := bytes.Clone(s)
				other[64] |= 1
				return right.ecdsa(k, d, s) || right.ecdsa(k, d, other)
			}
		}},
		{"schnorr", "takes all", "BIP-340", func(p *primitives) { p.schnorr = func(_, _, _ []byte) bool { return true } }},
		{"schnorr", "takes nothing", "BIP-340", func(p *primitives) { p.schnorr = func(_, _, _ []byte) bool { return false } }},
		{"schnorr", "takes all, fresh", "fresh Taproot", func(p *primitives) { p.schnorr = func(_, _, _ []byte) bool { return true } }},
		{"schnorr", "takes nothing, fresh", "fresh Taproot", func(p *primitives) { p.schnorr = func(_, _, _ []byte) bool { return false } }},
		{"schnorrSign", "fails", "BIP-340", func(p *primitives) { p.schnorrSign = func(_, _ []byte) ([]byte, error) { return nil, errBroken } }},
		{"schnorrSign", "another nonce", "BIP-340", func(p *primitives) {
			p.schnorrSign = func(secret, m []byte) ([]byte, error) {
				s, err := right.schnorrSign(secret, m)
				return append(s[:63:63], s[63]^1), err
			}
		}},
		{"cash", "takes all", "fresh Schnorr", func(p *primitives) { p.cash = func(chain.PublicKey, []byte, []byte) bool { return true } }},
		{"cash", "takes nothing", "fresh Schnorr", func(p *primitives) { p.cash = func(chain.PublicKey, []byte, []byte) bool { return false } }},
		{"key", "another public key, Schnorr", "fresh Schnorr", func(p *primitives) { wrapKey(p, func(k signer) signer { return stranger{k} }) }},
		{"ed25519", "takes all", "fresh Ed25519", func(p *primitives) { p.ed25519 = func(ed25519.PublicKey, []byte, []byte) bool { return true } }},
		{"ed25519", "takes nothing", "fresh Ed25519", func(p *primitives) { p.ed25519 = func(ed25519.PublicKey, []byte, []byte) bool { return false } }},
		{"seed", "fails", "BIP-39 and BIP-32", func(p *primitives) { p.seed = func(_, _ []byte) ([]byte, error) { return nil, errBroken } }},
		{"seed", "passphrase ignored", "BIP-39 and BIP-32", func(p *primitives) {
			p.seed = func(entropy, _ []byte) ([]byte, error) { return right.seed(entropy, nil) }
		}},
		{"derive", "path ignored", "BIP-39 and BIP-32", func(p *primitives) {
			p.derive = func(seed []byte, _ []uint32) (string, error) { return right.derive(seed, nil) }
		}},
		{"derive", "fails", "BIP-39 and BIP-32", func(p *primitives) { p.derive = func([]byte, []uint32) (string, error) { return "", errBroken } }},
		{"slip10", "path cut", "SLIP-10", func(p *primitives) {
			p.slip10 = func(seed []byte, path []uint32) ([32]byte, error) { return right.slip10(seed, path[:4]) }
		}},
		{"slip10", "fails", "SLIP-10", func(p *primitives) {
			p.slip10 = func([]byte, []uint32) ([32]byte, error) { return [32]byte{}, errBroken }
		}},
		{"sha256", "wrong", "hashes", func(p *primitives) { p.sha256 = func(b []byte) [32]byte { return wrong(right.sha256(b)) } }},
		{"sha256", "wrong for long messages", "hashes", func(p *primitives) {
			p.sha256 = func(b []byte) [32]byte {
				if sum := right.sha256(b); len(b) < 64 {
					return sum
				}
				return wrong(right.sha256(b))
			}
		}},
		{"keccak", "SHA3 in its place", "hashes", func(p *primitives) { p.keccak = sha3.Sum256 }},
		{"scrypt", "cheaper", "scrypt and age", func(p *primitives) {
			p.scrypt = func(pw, salt []byte, n, r, q, size int) ([]byte, error) {
				return right.scrypt(pw, salt, n/2, r, q, size)
			}
		}},
		{"scrypt", "fails", "scrypt and age", func(p *primitives) {
			p.scrypt = func(_, _ []byte, _, _, _, _ int) ([]byte, error) { return nil, errBroken }
		}},
		{"encrypt", "fails", "scrypt and age", func(p *primitives) { p.encrypt = func([]byte, string) ([]byte, error) { return nil, errBroken } }},
		{"encrypt", "does not", "scrypt and age", func(p *primitives) {
			p.encrypt = func(b []byte, _ string) ([]byte, error) { return bytes.Clone(b), nil }
			p.decrypt = func(b []byte, _ string) ([]byte, error) { return b, nil }
		}},
		{"decrypt", "fails", "scrypt and age", func(p *primitives) { p.decrypt = func([]byte, string) ([]byte, error) { return nil, errBroken } }},
		{"decrypt", "takes any passphrase", "scrypt and age", func(p *primitives) {
			p.decrypt = func(b []byte, _ string) ([]byte, error) { return right.decrypt(b, "correct horse battery") }
		}},
		{"decrypt", "takes a changed file", "scrypt and age", func(p *primitives) {
			p.decrypt = func(b []byte, pass string) ([]byte, error) {
				b = bytes.Clone(b)
				plain, err := right.decrypt(b, pass)
				if err != nil && strings.HasSuffix(pass, "y") {
					b[len(b)-1] ^= 1
					return right.decrypt(b, pass)
				}
				return plain, err
			}
		}},
		{"seal", "fails", "COSE", func(p *primitives) {
			p.seal = func(bundle.Header, [][]byte, bundle.Signer) ([]byte, error) { return nil, errBroken }
		}},
		{"seal", "another time", "COSE", func(p *primitives) {
			p.seal = func(h bundle.Header, items [][]byte, s bundle.Signer) ([]byte, error) {
				h.Created++
				return right.seal(h, items, s)
			}
		}},
		{"open", "fails", "COSE", func(p *primitives) {
			p.open = func([]byte, ed25519.PublicKey) (*bundle.Bundle, error) { return nil, errBroken }
		}},
		{"open", "does not verify", "COSE", func(p *primitives) {
			p.open = func(raw []byte, key ed25519.PublicKey) (*bundle.Bundle, error) {
				b, err := right.open(raw, key)
				if fault.Is(err, "bundle.signature") {
					return &bundle.Bundle{}, nil
				}
				return b, err
			}
		}},
	}
	for scheme, names := range map[chain.Scheme][]string{
		chain.ECDSA: {"RFC 6979 ECDSA", "fresh ECDSA"}, chain.Taproot: {"BIP-341 key path", "fresh Taproot"}, chain.EdDSA: {"RFC 8032 Ed25519", "fresh Ed25519"},
		chain.Schnorr: {"Bitcoin Cash Schnorr", "fresh Schnorr"},
	} {
		for _, bit := range []int{0, 300, 511} {
			for _, n := range names {
				list = append(list, broken{"key", fmt.Sprint("bit ", bit), n, func(p *primitives) { spoils(p, scheme, flip(bit)) }})
			}
		}
		for _, n := range names {
			list = append(list, broken{"key", "a bit now and then", n, func(p *primitives) { spoils(p, scheme, sometimes()) }})
		}
	}
	list = append(list, broken{"key", "wrong v", "RFC 6979 ECDSA", func(p *primitives) { spoils(p, chain.ECDSA, flip(512)) }},
		broken{"key", "wrong v, fresh", "fresh ECDSA", func(p *primitives) { spoils(p, chain.ECDSA, flip(512)) }})
	return list
}

// mute is a key that signs with nothing.
type mute struct{ signer }

func (mute) Sign(chain.SignRequest) (chain.Signature, error) { return chain.Signature{}, nil }

// tweakless is a key that forgets the merkle root.
type tweakless struct{ signer }

func (k tweakless) Sign(r chain.SignRequest) (chain.Signature, error) {
	r.Tweak = nil
	return k.signer.Sign(r)
}

// sources are random sources that are broken, at once or later. What ends with
// "fresh" or "late" passes the check of randomness.
func sources() map[string]io.Reader {
	alive := func(n int64) io.Reader { return io.LimitReader(hd.NewSource(), n) }
	seed, err := io.ReadAll(alive(64))
	if err != nil {
		panic(err)
	}
	return map[string]io.Reader{
		"empty":                   iotest.DataErrReader(bytes.NewReader(nil)),
		"failing":                 iotest.ErrReader(errBroken),
		"zeros":                   zeros{},
		"short":                   alive(1000),
		"short after check":       alive(1024 + 40),
		"stuck after check":       io.MultiReader(alive(1024), zeros{}),
		"repeats seeds":           io.MultiReader(alive(1024), bytes.NewReader(slices.Concat(seed, seed))),
		"ends when it is fresh":   alive(1024 + 128),
		"sticks when it is fresh": io.MultiReader(alive(1024+128), zeros{}),
		"ends late":               alive(1024 + 128 + 300),
	}
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { clear(b); return len(b), nil }

// Every check fails when what it tries is broken, every primitive is broken, and
// the program is told so.
func TestEveryCheckCanFail(t *testing.T) {
	fields, names := map[string]bool{"source": true}, map[string]bool{}
	for _, f := range faults() {
		t.Run(f.check+"/"+f.field+" "+f.name, func(t *testing.T) {
			p := shipped(hd.NewSource())
			f.do(p)
			list := checks(registry.New(), p, 2)
			i := slices.IndexFunc(list, func(c Check) bool { return c.Name == f.check })
			if i < 0 {
				t.Fatal("no such check")
			}
			err := list[i].Do()
			if !fault.Is(err, "selftest.failed") || !strings.Contains(err.Error(), f.check) || !strings.Contains(err.Error(), "do not use") {
				t.Errorf("not noticed: %v", err)
			}
			fields[f.field], names[f.check] = true, true
		})
	}
	for i := range reflect.TypeFor[primitives]().NumField() {
		if name := reflect.TypeFor[primitives]().Field(i).Name; !fields[name] {
			t.Errorf("no test breaks %s", name)
		}
	}
	for name, source := range sources() {
		if err := PowerOn(registry.New(), source); !fault.Is(err, "entropy.source") {
			t.Errorf("source %s: %v", name, err)
		}
	}
	for name, source := range sources() {
		p := shipped(source)
		if err := p.random(); fault.Is(err, "entropy.source") == (strings.HasSuffix(name, "fresh") || strings.HasSuffix(name, "late")) {
			t.Errorf("source %s: %v", name, err)
		}
	}
	names["randomness"] = true
	gullible := only{chain.Chain{Name: "X", Codec: gullible{}, Networks: []chain.Network{{ID: "eip155:1"}}}}
	if err := PowerOn(gullible, hd.NewSource()); !fault.Is(err, "selftest.failed") || !strings.Contains(err.Error(), "chain X") {
		t.Errorf("a gullible codec: %v", err)
	}
	for _, c := range All(registry.New()) {
		if !names[c.Name] && !strings.HasPrefix(c.Name, "chain ") {
			t.Errorf("no test has %s fail", c.Name)
		}
	}
}

// What the random source says and a lack of memory are told as they are; all else
// is the self-test's, and the text is not told twice.
func TestNamed(t *testing.T) {
	memory := fault.New("memory.lock", "raise the limit", "cannot lock memory")
	for _, c := range []struct {
		err        error
		code, text string
	}{
		{memory, "memory.lock", "cannot lock memory; raise the limit"},
		{fmt.Errorf("so: %w", memory), "memory.lock", "so: cannot lock memory; raise the limit"},
		{errBroken, "selftest.failed", "the self-test failed at COSE: broken; do not use this binary or this machine"},
		{fault.New("sign.scheme", "do this", "what"), "selftest.failed", "the self-test failed at COSE: what; do not use this binary or this machine"},
	} {
		if err := named("COSE", c.err); !fault.Is(err, c.code) || err.Error() != c.text {
			t.Errorf("%v", err)
		}
	}
	if named("COSE", nil) != nil {
		t.Error("nothing went wrong")
	}
}

// The bundle in the code is the golden one.
func TestGoldenBundle(t *testing.T) {
	b, err := os.ReadFile("../../../testdata/bundle/pairing-offline.cbor")
	if err != nil || hex.EncodeToString(b) != pairing {
		t.Errorf("another bundle: %v", err)
	}
	for _, v := range slices.Concat(of(chain.ECDSA, "ECDSA"), of(chain.Taproot, "Taproot"), of(chain.EdDSA, "EdDSA")) {
		if n := len(unhex(v.publish)); n != 64 && n != 65 || len(unhex(v.secret)) != 32 || len(v.message) > 0 && len(unhex(v.message)) < 32 {
			t.Errorf("%s: not hex", v.source)
		}
	}
}

type only struct{ c chain.Chain }

func (o only) All() []chain.Chain { return []chain.Chain{o.c} }

type gullible struct{}

func (gullible) Networks() []chain.ID                    { return nil }
func (gullible) Decode(chain.Unsigned) (chain.Tx, error) { return nil, nil }
