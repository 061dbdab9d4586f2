// Package selftest runs known-answer checks in the shipped binary: the same
// code that signs payments must give the published signatures of the standards,
// and the machine's randomness must look alive.
package selftest

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"

	"coldsign/offline/internal/keystore"
	"coldsign/shared/chain"
	"coldsign/shared/fault"
	"coldsign/shared/hd"
)

// Chains lists the chains of the binary.
type Chains interface{ All() []chain.Chain }

// Check is one check.
type Check struct {
	Name string
	Do   func() error
}

// All gives every check.
func All(chains Chains) []Check {
	checks := []Check{
		{"RFC 6979 ECDSA", func() error {
			return signs(chain.Secp256k1, chain.ECDSA, "0000000000000000000000000000000000000000000000000000000000000001",
				"a0dc65ffca799873cbea0ac274015b9526505daaaed385155425f7337704883e",
				"934b1ea10a4b3c1757e2b0c017d0b6143ce3c9a7e6a4a49860d7a6ab210ee3d82442ce9d2b916064108014783e923ec36b49743e2ffa1c4496f01a512aafd9e5")
		}},
		{"BIP-341 key path", func() error {
			return signs(chain.Secp256k1, chain.Taproot, "6b973d88838f27366ed61c9ad6367663045cb456e28335c109e30717ae0c6baa",
				"2514a6272f85cfa0f45eb907fcb0d121b808ed37c6ea160a5a9046ed5526d555",
				"ed7c1647cb97379e76892be0cacff57ec4a7102aa24296ca39af7541246d8ff14d38958d4cc1e2e478e4d4a764bbfd835b16d4e314b72937b29833060b87276c")
		}},
		{"RFC 8032 Ed25519", func() error {
			return signs(chain.Ed25519, chain.EdDSA, "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60", "",
				"e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b")
		}},
		{"BIP-39 and BIP-32", derives},
		{"randomness", random},
	}
	for _, c := range chains.All() {
		checks = append(checks, Check{"chain " + c.Name, func() error { return refusesGarbage(c) }})
	}
	return checks
}

func failed(format string, args ...any) error {
	return fault.New("selftest.failed", "do not use this binary or this machine", format, args...)
}

func signs(c chain.Curve, scheme chain.Scheme, secret, message, want string) error {
	k, err := keystore.NewKey(c, unhex(secret))
	if err != nil {
		return err
	}
	key := k.Public()
	if scheme == chain.Taproot {
		key = key.Even()
	}
	for range 2 { // deterministic
		s, err := k.Sign(chain.SignRequest{Key: key, Scheme: scheme, Message: unhex(message)})
		if err != nil {
			return err
		}
		if !bytes.Equal(s.Bytes[:64], unhex(want)) {
			return failed("scheme %d does not give the published signature", scheme)
		}
	}
	return nil
}

// derives checks BIP-39's first English vector with BIP-32's master key.
func derives() error {
	m, err := hd.NewMnemonic(make([]byte, 16))
	if err != nil {
		return err
	}
	seed, err := m.Seed([]byte("TREZOR"))
	if err != nil {
		return err
	}
	const want = "c55257c360c07c72029aebc1b53c05ed0362ada38ead3e3e9efa3708e53495531f09a6987599d18264c1e1c92f2cf141630c7a3c4ab7c81b2f001698e7463b04"
	if hex.EncodeToString(seed) != want {
		return failed("BIP-39 does not give the published seed")
	}
	k, err := hd.NewMaster(seed)
	if err != nil {
		return err
	}
	const master = "xprv9s21ZrQH143K3h3fDYiay8mocZ3afhfULfb5GX8kCBdno77K4HiA15Tg23wpbeF1pLfs1c5SPmYHrEpTuuRhxMwvKDwqdKiGJS9XFKzUsAF"
	if k.Encode(false) != master {
		return failed("BIP-32 does not give the published master key")
	}
	return nil
}

// random wants two draws that pass the source's own checks and differ.
func random() error {
	a, err := hd.Entropy(rand.Reader, "")
	if err != nil {
		return err
	}
	b, err := hd.Entropy(rand.Reader, "")
	if err != nil {
		return err
	}
	if bytes.Equal(a, b) {
		return failed("the source of randomness repeats itself")
	}
	return nil
}

// refusesGarbage wants every codec to refuse what is no transaction.
func refusesGarbage(c chain.Chain) error {
	for _, n := range c.Networks {
		for _, b := range [][]byte{nil, {0}, bytes.Repeat([]byte{0xff}, 64)} {
			if _, err := c.Codec.Decode(chain.Unsigned{Network: n.ID, Payload: b}); err == nil {
				return failed("the codec of %s reads garbage", n.ID)
			}
		}
	}
	return nil
}

// unhex reads the constants of this file.
func unhex(s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil {
		return nil
	}
	return b
}
