package selftest

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"errors"
	"fmt"

	"coldsign/shared/chain"
)

// vector is a published signature, in the form of chain.Signature.
type vector struct {
	source                          string
	curve                           chain.Curve
	scheme                          chain.Scheme
	secret, message, tweak, publish string
}

func ecdsaVectors() []vector {
	return []vector{
		{"RFC 6979 for secp256k1, SHA-256 of \"Satoshi Nakamoto\" (btcec and python-ecdsa test it; its v is that of the next two)", chain.Secp256k1, chain.ECDSA,
			"0000000000000000000000000000000000000000000000000000000000000001",
			"a0dc65ffca799873cbea0ac274015b9526505daaaed385155425f7337704883e", "",
			"934b1ea10a4b3c1757e2b0c017d0b6143ce3c9a7e6a4a49860d7a6ab210ee3d82442ce9d2b916064108014783e923ec36b49743e2ffa1c4496f01a512aafd9e5"},
		{"EIP-155, Example (v 37: recovery id 0)", chain.Secp256k1, chain.ECDSA,
			"4646464646464646464646464646464646464646464646464646464646464646",
			"daf5a779ae972f972197303d7b574746c7ef83eadac0f2791ad23db92e4c8e53", "",
			"28ef61340bd939bc2195fe537567866003e1a15d3c71ff63e1590620aa63627667cbe9d8997f761aecb703304b3800ccf555c9f3dc64214b297fb1966a3b6d8300"},
		{"EIP-712, Example.js (v 28: recovery id 1)", chain.Secp256k1, chain.ECDSA,
			"c85ef7d79691fe79573b1a7064c19c1a9819ebdbd1faaab1a8ec92344438aaf4",
			"be609aee343fb3c4b28e1df9e632fca64fcfaede20f02e86244efddf30957bd2", "",
			"4355c47d63924e8a72e509b65029052eb6c299d53a04e167c5775fd466751c9d07299936d304c153f6443dfa05f40ff007d72911b6f72307f996231605b9156201"},
	}
}

func taprootVectors() []vector {
	return []vector{
		{"BIP-341 wallet vectors, keyPathSpending input 0, no merkle root", chain.Secp256k1, chain.Taproot,
			"6b973d88838f27366ed61c9ad6367663045cb456e28335c109e30717ae0c6baa",
			"2514a6272f85cfa0f45eb907fcb0d121b808ed37c6ea160a5a9046ed5526d555", "",
			"ed7c1647cb97379e76892be0cacff57ec4a7102aa24296ca39af7541246d8ff14d38958d4cc1e2e478e4d4a764bbfd835b16d4e314b72937b29833060b87276c"},
		{"BIP-341 wallet vectors, keyPathSpending input 1, with a merkle root", chain.Secp256k1, chain.Taproot,
			"1e4da49f6aaf4e5cd175fe08a32bb5cb4863d963921255f33d3bc31e1343907f",
			"325a644af47e8a5a2591cda0ab0723978537318f10e6a63d4eed783b96a71a4d",
			"5b75adecf53548f3ec6ad7d78383bf84cc57b55a3127c72b9a2481752dd88b21",
			"052aedffc554b41f52b521071793a6b88d6dbca9dba94cf34c83696de0c1ec35ca9c5ed4ab28059bd606a4f3a657eec0bb96661d42921b5f50a95ad33675b54f"},
	}
}

func cashVectors() []vector {
	return []vector{
		{"Bitcoin ABC key_tests.cpp, key 1 and SHA-256d of \"Very deterministic message\"", chain.Secp256k1, chain.Schnorr,
			"12b004fff7f4b69ef8650e767f18f11ede158148b425660723b9f9a66e61f747",
			"5255683da567900bfd3e786ed8836a4e7763c221bf1ac20ece2a5171b9199e8a", "",
			"2c56731ac2f7a7e7f11518fc7722a166b02438924ca9d8b4d111347b81d0717571846de67ad3d913a8fdf9d8f3f73161a4c48ae81cb183b214765feb86e255ce"},
		{"the same, key 2", chain.Secp256k1, chain.Schnorr,
			"b524c28b61c9b2c49b2c7dd4c2d75887abb78768c054bd7c01af4029f6c0d117",
			"5255683da567900bfd3e786ed8836a4e7763c221bf1ac20ece2a5171b9199e8a", "",
			"e7167ae0afbba6019b4c7fcfe6de79165d555e8295bd72da1b8aa1a5b54305880517cace1bcb0cb515e2eeaffd49f1e4dd49fd72826b4b1573c84da49a38405d"},
	}
}

func ed25519Vectors() []vector {
	return []vector{
		{"RFC 8032 section 7.1, TEST 1", chain.Ed25519, chain.EdDSA,
			"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60", "", "",
			"e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"},
		{"RFC 8032 section 7.1, TEST SHA(abc)", chain.Ed25519, chain.EdDSA,
			"833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
			"ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f", "",
			"dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b58909351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17ad9bef1177331a704"},
	}
}

// vectors signs each so many times, always with the published result.
func (p *primitives) vectors(list []vector, times int) error {
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
