// Package selftest tries the shipped binary on the machine that it runs on,
// before a key is made or used: the code that signs payments must give the
// published signatures of the standards, what it signs with fresh keys must verify
// by other code, that other code must refuse a flipped bit, and the machine's
// randomness must look alive.
//
//	err := selftest.PowerOn(registry.New(), hd.NewSource()) // selftest.failed, entropy.source
package selftest

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"

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

// All gives every check, for a person to see. Each signature is made twice.
func All(chains Chains) []Check { return checks(chains, shipped(hd.NewSource()), 2) }

// PowerOn runs every check once, within some milliseconds. It comes before the
// first use of a key; when it fails, nothing may be signed or made. Its errors are
// entropy.source for the random source, memory.lock where there is no memory for
// keys, and selftest.failed.
func PowerOn(chains Chains, source io.Reader) error {
	for _, c := range checks(chains, shipped(source), 1) {
		if err := c.Do(); err != nil {
			return err
		}
	}
	return nil
}

// checks gives the checks of the primitives p; every signature of a vector is made
// so many times.
func checks(chains Chains, p *primitives, times int) []Check {
	list := []Check{
		{"RFC 6979 ECDSA", func() error { return p.vectors(of(chain.ECDSA, "ECDSA"), times) }},
		{"BIP-341 key path", func() error { return p.vectors(of(chain.Taproot, "Taproot"), times) }},
		{"BIP-340", p.bip340},
		{"Bitcoin Cash Schnorr", func() error { return p.vectors(of(chain.Schnorr, "Schnorr"), times) }},
		{"RFC 8032 Ed25519", func() error { return p.vectors(of(chain.EdDSA, "EdDSA"), times) }},
		{"BIP-39 and BIP-32", p.derives},
		{"SLIP-10", p.derivesEd25519},
		{"hashes", p.hashes},
		// From here on the libraries take randomness of their own, and end the program
		// where there is none.
		{"randomness", p.random},
		{"scrypt and age", p.seals},
		{"COSE", p.bundles},
		{"fresh ECDSA", func() error { return p.fresh(chain.Secp256k1, chain.ECDSA) }},
		{"fresh Taproot", func() error { return p.fresh(chain.Secp256k1, chain.Taproot) }},
		{"fresh Schnorr", func() error { return p.fresh(chain.Secp256k1, chain.Schnorr) }},
		{"fresh Ed25519", func() error { return p.fresh(chain.Ed25519, chain.EdDSA) }},
	}
	for _, c := range chains.All() {
		list = append(list, Check{"chain " + c.Name, func() error { return refusesGarbage(c) }})
	}
	for i, c := range list {
		list[i].Do = func() error { return named(c.Name, c.Do()) }
	}
	return list
}

// named makes the error of a check of what went wrong in it.
func named(check string, err error) error {
	if err == nil || fault.Is(err, "entropy.source") || fault.Is(err, "memory.lock") {
		return err
	}
	what := err.Error()
	if f, ok := errors.AsType[*fault.Error](err); ok {
		what = f.What
	}
	return fault.New("selftest.failed", "do not use this binary or this machine", "the self-test failed at %s: %s", check, what)
}

// random wants the source to pass its health tests, and two seeds that differ.
func (p *primitives) random() error {
	if err := hd.CheckSource(p.source); err != nil {
		return err
	}
	a, err := hd.Entropy(p.source, "")
	if err != nil {
		return err
	}
	b, err := hd.Entropy(p.source, "")
	if err != nil {
		return err
	}
	if bytes.Equal(a, b) {
		return fault.New("entropy.source", "do not make keys on this machine", "the random source repeats itself")
	}
	return nil
}

// refusesGarbage wants every codec to refuse what is no transaction.
func refusesGarbage(c chain.Chain) error {
	for _, n := range c.Networks {
		for _, b := range [][]byte{nil, {0}, bytes.Repeat([]byte{0xff}, 64)} {
			if _, err := c.Codec.Decode(chain.Unsigned{Network: n.ID, Payload: b}); err == nil {
				return fmt.Errorf("the codec of %s reads garbage", n.ID)
			}
		}
	}
	return nil
}

// unhex reads the constants of this package.
func unhex(s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil {
		return nil
	}
	return b
}
