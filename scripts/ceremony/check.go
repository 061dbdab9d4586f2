package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"github.com/btcsuite/btcd/address/v2"
	"github.com/btcsuite/btcd/btcutil/v2/hdkeychain"
	"github.com/btcsuite/btcd/chaincfg/v2"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/gagliardetto/solana-go/base58"
	"github.com/gagliardetto/solana-go/bip39"
	"golang.org/x/text/unicode/norm"
)

// report collects what was found.
type report struct {
	lines []string
	wrong int
}

func (r *report) check(ok bool, format string, args ...any) {
	verdict := "ok       "
	if !ok {
		verdict = "MISMATCH "
		r.wrong++
	}
	r.lines = append(r.lines, verdict+fmt.Sprintf(format, args...))
}

// public checks what needs no secret: the signature, and that addresses, keys and
// fingerprints belong together.
func (t *Transcript) public(r *report) {
	sum := sha256.Sum256(t.signed)
	r.check(ed25519.Verify(t.Device, append([]byte("coldsign ceremony transcript\x00"), sum[:]...), t.signature), "signed by the device %x", []byte(t.Device))
	for _, w := range t.Wallets {
		r.check(bytes.Equal(address.Hash160(w.Master)[:4], w.Fingerprint), "%s: the fingerprint %x is that of the master key", w.ID, w.Fingerprint)
		for i, k := range w.Keys {
			if w.XPub != "" {
				got, err := childOf(w.XPub, uint32(i))
				r.check(err == nil && bytes.Equal(got, k.Public) && k.Path == w.Path+"/"+strconv.Itoa(i), "%s: key %d is of the extended key", w.ID, i)
			}
			a, err := spell(w, k.Public)
			r.check(err == nil && a == k.Address, "%s: address %d, %s, is of its key", w.ID, i, k.Address)
		}
	}
}

func childOf(xpub string, i uint32) ([]byte, error) {
	account, err := hdkeychain.NewKeyFromString(xpub)
	if err != nil || account.IsPrivate() {
		return nil, fmt.Errorf("no extended public key")
	}
	child, err := account.Derive(i)
	if err != nil {
		return nil, err
	}
	pub, err := child.ECPubKey()
	if err != nil {
		return nil, err
	}
	return pub.SerializeCompressed(), nil
}

// spell gives the address of a key: Bitcoin's P2WPKH, Solana's, and Ethereum's for all
// chains that work as it does.
func spell(w Wallet, key []byte) (string, error) {
	if strings.HasPrefix(w.Network, "eip155:") {
		pub, err := crypto.DecompressPubkey(key)
		if err != nil {
			return "", err
		}
		a := crypto.PubkeyToAddress(*pub)
		if w.Chain == "XDC" {
			return "xdc" + hex.EncodeToString(a[:]), nil
		}
		return a.Hex(), nil
	}
	switch w.Chain {
	case "SOL":
		return base58.Encode(key), nil
	case "BTC":
		for _, p := range []*chaincfg.Params{&chaincfg.MainNetParams, &chaincfg.TestNet3Params, &chaincfg.TestNet4Params, &chaincfg.SigNetParams, &chaincfg.RegressionNetParams} {
			if w.Network != "bip122:"+p.GenesisHash.String()[:32] {
				continue
			}
			a, err := address.NewAddressWitnessPubKeyHash(address.Hash160(key), p)
			if err != nil {
				return "", err
			}
			return a.EncodeAddress(), nil
		}
	}
	return "", fmt.Errorf("chain %q, network %q is unknown to this tool", w.Chain, w.Network)
}

// Secrets are what people type.
type Secrets struct {
	Words, Passphrase, Rolls string
	Machine                  []byte
}

// secret derives all of a wallet again from its words.
func (t *Transcript) secret(r *report, s Secrets) {
	words := strings.Join(strings.Fields(strings.ToLower(norm.NFKD.String(s.Words))), " ")
	entropy, err := bip39.EntropyFromMnemonic(words)
	r.check(err == nil, "the words are a mnemonic of BIP-39")
	if err != nil {
		return
	}
	seed := bip39.NewSeed(words, norm.NFKD.String(s.Passphrase))
	master, err := hdkeychain.NewMaster(seed, &chaincfg.MainNetParams)
	if err != nil {
		r.check(false, "the words give a master key")
		return
	}
	pub, err := master.ECPubKey()
	if err != nil {
		r.check(false, "the words give a master key")
		return
	}
	found := false
	for _, w := range t.Wallets {
		if !bytes.Equal(w.Master, pub.SerializeCompressed()) {
			continue
		}
		found = true
		r.check(true, "%s: words and passphrase give the master key, fingerprint %x", w.ID, address.Hash160(w.Master)[:4])
		derived(r, w, master, seed)
	}
	if !found {
		r.check(false, "words and passphrase give the fingerprint %x, which no wallet of the transcript has", address.Hash160(pub.SerializeCompressed())[:4])
		return
	}
	t.mixed(r, entropy, s)
}

// derived compares extended key and keys of a wallet with those of its seed.
func derived(r *report, w Wallet, master *hdkeychain.ExtendedKey, seed []byte) {
	if w.XPub != "" {
		got, err := account(master, w)
		r.check(err == nil && got == w.XPub, "%s: the seed gives the extended key at %s", w.ID, w.Path)
		return
	}
	for i, k := range w.Keys {
		path, err := indices(k.Path)
		r.check(err == nil && bytes.Equal(slip10(seed, path), k.Public), "%s: the seed gives key %d at %s", w.ID, i, k.Path)
	}
}

func account(master *hdkeychain.ExtendedKey, w Wallet) (string, error) {
	path, err := indices(w.Path)
	if err != nil {
		return "", err
	}
	k := master
	for _, i := range path {
		if k, err = k.Derive(i); err != nil {
			return "", err
		}
	}
	if k, err = k.Neuter(); err != nil {
		return "", err
	}
	told, err := hdkeychain.NewKeyFromString(w.XPub)
	if err != nil {
		return "", err
	}
	if k, err = k.CloneWithVersion(told.Version()); err != nil {
		return "", err
	}
	return k.String(), nil
}

// indices reads a path, m/44'/0'.
func indices(path string) (list []uint32, err error) {
	parts := strings.Split(path, "/")
	if parts[0] != "m" || len(parts) > 10 {
		return nil, fmt.Errorf("%.40q is no path", path)
	}
	for _, p := range parts[1:] {
		digits, hardened := strings.CutSuffix(p, "'")
		n, err := strconv.ParseUint(digits, 10, 31)
		if err != nil {
			return nil, err
		}
		if hardened {
			n |= 1 << 31
		}
		list = append(list, uint32(n))
	}
	return list, nil
}

// slip10 gives the Ed25519 public key of a seed at a path (SLIP-0010).
func slip10(seed []byte, path []uint32) []byte {
	mac := func(key, data []byte) []byte {
		m := hmac.New(sha512.New, key)
		m.Write(data)
		return m.Sum(nil)
	}
	node := mac([]byte("ed25519 seed"), seed)
	for _, i := range path {
		data := append(append([]byte{0}, node[:32]...), 0, 0, 0, 0)
		binary.BigEndian.PutUint32(data[33:], i|1<<31)
		node = mac(node[32:], data)
	}
	return ed25519.NewKeyFromSeed(node[:32])[32:]
}

// mixed checks rolls and the machine's part: the commitments, and that the seed is
// what is made of them.
func (t *Transcript) mixed(r *report, entropy []byte, s Secrets) {
	if s.Rolls != "" && t.How != "os" {
		key, err := hkdf.Key(sha256.New, entropy, nil, "coldsign ceremony dice", 32)
		m := hmac.New(sha256.New, key)
		m.Write([]byte(s.Rolls))
		r.check(err == nil && len(s.Rolls) == t.Rolls && hmac.Equal(m.Sum(nil), t.Dice), "the %d rolls are those that were committed to", t.Rolls)
	}
	rolls := sha256.Sum256([]byte(s.Rolls))
	if s.Rolls != "" && t.How == "dice-only" {
		r.check(bytes.Equal(rolls[:], entropy), "the words are SHA-256 of the rolls, and nothing else")
	}
	if len(s.Machine) == 0 || t.How != "os+dice" {
		return
	}
	sum := sha256.Sum256(append([]byte("coldsign ceremony machine\x00"), s.Machine...))
	r.check(bytes.Equal(sum[:], t.Machine), "the machine's part is the one that was committed to before the first roll")
	if s.Rolls != "" {
		seed, err := hkdf.Key(sha256.New, s.Machine, rolls[:], "coldsign seed v1", 32)
		r.check(err == nil && bytes.Equal(seed, entropy), "the words are made of the machine's part and the rolls, and nothing else")
	}
}
