package selftest

import (
	"bytes"
	"crypto/ed25519"
	_ "embed"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"coldsign/shared/chain"
)

// vector is a published signature, in the form of chain.Signature.
type vector struct {
	source                          string
	curve                           chain.Curve
	scheme                          chain.Scheme
	secret, message, tweak, publish string
}

// published has a vector on each line, with tabs between: scheme, secret, message,
// tweak and signature in hex, and where it is from.
//
//go:embed published.txt
var published string

// of gives the published vectors of a scheme.
func of(scheme chain.Scheme, name string) (list []vector) {
	for line := range strings.Lines(published) {
		f := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if curve := map[bool]chain.Curve{false: chain.Secp256k1, true: chain.Ed25519}[scheme == chain.EdDSA]; f[0] == name {
			list = append(list, vector{f[5], curve, scheme, f[1], f[2], f[3], f[4]})
		}
	}
	return list
}

// vectors signs each so many times, always with the published result.
func (p *primitives) vectors(list []vector, times int) error {
	if len(list) == 0 {
		return errors.New("no published signature is known")
	}
	for _, v := range list {
		want := unhex(v.publish)
		for range times {
			s, err := p.sign(v.curve, unhex(v.secret), chain.SignRequest{Scheme: v.scheme, Message: unhex(v.message), Tweak: unhex(v.tweak)})
			if err != nil {
				return err
			}
			if len(s.Bytes) < len(want) || !bytes.Equal(s.Bytes[:len(want)], want) {
				return fmt.Errorf("not the published signature (%s)", v.source)
			}
		}
	}
	return nil
}

// sign signs r with the key of a secret, which is no secret here.
func (p *primitives) sign(c chain.Curve, secret []byte, r chain.SignRequest) (chain.Signature, error) {
	k, end, err := p.key(c, secret)
	if err != nil {
		return chain.Signature{}, err
	}
	defer end()
	r.Key = k.Public()
	if r.Scheme == chain.Taproot {
		r.Key = r.Key.Even()
	}
	return k.Sign(r)
}

// bip340 takes test-vectors.csv of BIP-340: index 0 is signed; 0 and 4 verify; 6,
// whose R has an odd y, does not.
func (p *primitives) bip340() error {
	sig, err := p.schnorrSign(unhex("0000000000000000000000000000000000000000000000000000000000000003"), make([]byte, 32))
	if err != nil {
		return err
	}
	const zero = "e907831f80848d1069a5371b402410364bdf1c5f8307b0084c55f1ce2dca821525f66a4a85ea8b71e482a74f382d2ce5ebeee8fdb2172f477df4900d310536c0"
	if !bytes.Equal(sig, unhex(zero)) {
		return errors.New("not the published signature")
	}
	for _, v := range []struct {
		key, message, sig string
		want              bool
	}{
		{"f9308a019258c31049344f85f89d5229b531c845836f99b08601f113bce036f9", "0000000000000000000000000000000000000000000000000000000000000000", zero, true},
		{"d69c3509bb99e412e68b0fe8544e72837dfa30746d8be2aa65975f29d22dc7b9", "4df3c3f68fcc83b27e9d42c90431a72499f17875c81a599b566c9889b9696703",
			"00000000000000000000003b78ce563f89a0ed9414f5aa28ad0d96d6795f9c6376afb1548af603b3eb45c9f8207dee1060cb71c04e80f593060b07d28308d7f4", true},
		{"dff1d77f2a671c5f36183726db2341be58feae1da2deced843240f7b502ba659", "243f6a8885a308d313198a2e03707344a4093822299f31d0082efa98ec4e6c89",
			"fff97bd5755eeea420453a14355235d382f6472f8568a18b2f057a14602975563cc27944640ac607cd107ae10923d9ef7a73c643e166be5ebeafa34b1ac553e2", false},
	} {
		if p.schnorr(unhex(v.key), unhex(v.message), unhex(v.sig)) != v.want {
			return errors.New("a published signature is judged wrongly")
		}
	}
	return nil
}

// derives takes BIP-39's first English vector and BIP-32's test vector 1, whose
// path has hardened levels and others.
func (p *primitives) derives() error {
	seed, err := p.seed(make([]byte, 16), []byte("TREZOR"))
	if err != nil {
		return err
	}
	const want = "c55257c360c07c72029aebc1b53c05ed0362ada38ead3e3e9efa3708e53495531f09a6987599d18264c1e1c92f2cf141630c7a3c4ab7c81b2f001698e7463b04"
	if hex.EncodeToString(seed) != want {
		return errors.New("BIP-39 does not give the published seed")
	}
	for _, v := range []struct {
		seed []byte
		path []uint32
		want string
	}{
		{seed, nil, "xprv9s21ZrQH143K3h3fDYiay8mocZ3afhfULfb5GX8kCBdno77K4HiA15Tg23wpbeF1pLfs1c5SPmYHrEpTuuRhxMwvKDwqdKiGJS9XFKzUsAF"},
		{unhex("000102030405060708090a0b0c0d0e0f"), []uint32{chain.Hardened, 1, 2 | chain.Hardened, 2, 1_000_000_000},
			"xprvA41z7zogVVwxVSgdKUHDy1SKmdb533PjDz7J6N6mV6uS3ze1ai8FHa8kmHScGpWmj4WggLyQjgPie1rFSruoUihUZREPSL39UNdE3BBDu76"},
	} {
		if got, err := p.derive(v.seed, v.path); err != nil || got != v.want {
			return errors.New("BIP-32 does not give the published key")
		}
	}
	return nil
}

// derivesEd25519 takes test vector 1 for ed25519 of SLIP-10.
func (p *primitives) derivesEd25519() error {
	const h = chain.Hardened
	got, err := p.slip10(unhex("000102030405060708090a0b0c0d0e0f"), []uint32{0 | h, 1 | h, 2 | h, 2 | h, 1_000_000_000 | h})
	if err != nil || hex.EncodeToString(got[:]) != "8f94d394a8e8fd6b1bc2f3f49f5c47e385281d5c17e65324b0f62483e37e8793" {
		return errors.New("not the published key")
	}
	return nil
}

// hashes takes SHA-256 of "abc" (FIPS 180-4 examples), Keccak-256 of nothing (the
// code hash of an account without code, Ethereum yellow paper), and the double
// SHA-256 of Bitcoin's first block, which is its published hash.
func (p *primitives) hashes() error {
	once := p.sha256(unhex("0100000000000000000000000000000000000000000000000000000000000000000000003ba3edfd7a7b12b27ac72c3e67768f617fc81bc3888a51323a9fb8aa4b1e5e4a29ab5f49ffff001d1dac2b7c"))
	for _, v := range []struct {
		name, want string
		got        [32]byte
	}{
		{"SHA-256", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", p.sha256([]byte("abc"))},
		{"double SHA-256", "6fe28c0ab6f1b372c1a6a246ae63f74f931e8365e15a089c68d6190000000000", p.sha256(once[:])},
		{"Keccak-256", "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470", p.keccak(nil)},
	} {
		if hex.EncodeToString(v.got[:]) != v.want {
			return fmt.Errorf("%s does not give the published digest", v.name)
		}
	}
	return nil
}

// seals takes scrypt's first vector (RFC 7914 section 12), and an age file through
// encryption, decryption and refusal.
func (p *primitives) seals() error {
	got, err := p.scrypt(nil, nil, 16, 1, 1, 64)
	if err != nil || hex.EncodeToString(got) != "77d6576238657b203b19ca42c18a0497f16b4844e3074ae8dfdffa3fede21442fcd0069ded0948f8326a753a0fc81f17e8d3e0fb2e0d3628cf35e20c38d18906" {
		return errors.New("scrypt does not give the published key")
	}
	const text, passphrase = "what the keystore holds", "correct horse battery"
	sealed, err := p.encrypt([]byte(text), passphrase)
	if err != nil {
		return err
	}
	if plain, err := p.decrypt(sealed, passphrase); err != nil || string(plain) != text || bytes.Contains(sealed, []byte(text)) {
		return errors.New("what was encrypted does not come back")
	}
	if _, err := p.decrypt(sealed, passphrase+"!"); err == nil {
		return errors.New("another passphrase opens a file")
	}
	sealed[len(sealed)-1] ^= 1
	if _, err := p.decrypt(sealed, passphrase); err == nil {
		return errors.New("a changed file opens")
	}
	return nil
}

// pairing is testdata/bundle/pairing-offline.cbor, which other code made.
const pairing = "d2845833a3012703781b6170706c69636174696f6e2f636f6c647369676e2d62756e646c65045039f713d0a644253f04529421b9f51b9b" +
	"a05887a901010201035039f713d0a644253f04529421b9f51b9b0450000000000000000000000000000000000500065820" +
	"0000000000000000000000000000000000000000000000000000000000000000071a6955b93c08000981582da20158203d4017c3e843895a92b70aa7" +
	"4d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c02676f66666c696e6558404e94524153607b71ebb59f4aed92712ed95856d304a8021a8df0c544f6" +
	"4af0ec5250574e7a76f31dc48ae64037e69d4942dbf3cd421bf3b739587b69d8a1250f"

// bundles opens and remakes a golden bundle, which the key of RFC 8032's TEST 2
// has signed (COSE_Sign1, RFC 9052).
func (p *primitives) bundles() error {
	k, end, err := p.key(chain.Ed25519, unhex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb"))
	if err != nil {
		return err
	}
	defer end()
	raw := unhex(pairing)
	b, err := p.open(raw, k.Public().Bytes())
	if err != nil {
		return err
	}
	again, err := p.seal(b.Header, [][]byte{b.Item(0)}, device{k})
	if err != nil {
		return err
	}
	if !bytes.Equal(again, raw) {
		return errors.New("not the bytes of the golden bundle")
	}
	again[len(again)-1] ^= 0x10
	if _, err := p.open(again, k.Public().Bytes()); err == nil {
		return errors.New("a wrong signature of a bundle passes")
	}
	return nil
}

// device has a key sign bundles.
type device struct{ signer }

func (d device) Public() ed25519.PublicKey { return d.signer.Public().Bytes() }

func (d device) Sign(message []byte) ([]byte, error) {
	s, err := d.signer.Sign(chain.SignRequest{Key: d.signer.Public(), Scheme: chain.EdDSA, Message: message})
	return s.Bytes, err
}
