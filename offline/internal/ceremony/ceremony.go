// Package ceremony writes the public transcript of a key ceremony: what a second tool
// needs to derive the fingerprints, keys and addresses again, and commitments to what
// stays secret. FORMAT.md is its specification; scripts/ceremony reads it.
//
//	t := ceremony.Transcript{How: ceremony.Mixed, Machine: ceremony.Machine(drawn), ...}
//	raw, err := t.Encode(device)
package ceremony

import (
	"bytes"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	"coldsign/shared/bundle"
	"coldsign/shared/fault"
)

// MaxWallets bounds a transcript.
const MaxWallets = 1000

// How a wallet's seed was made.
const (
	System = "os"        // the operating system's randomness
	Mixed  = "os+dice"   // that and dice
	Dice   = "dice-only" // SHA-256 of the rolls
)

// Whether the words were seen.
const (
	Unseen    = "unseen"    // they are in the keystore alone
	Shown     = "shown"     // on the screen
	Confirmed = "confirmed" // and typed back
)

// Transcript is what is told of one ceremony. Nothing of it is secret.
type Transcript struct {
	Time       time.Time
	Program    string // SHA-256 of the program's file, hex
	Overlooked []string
	Rehearsal  bool
	Entries    uint64 // of the journal, before the ceremony
	Head       [32]byte
	How        string
	Machine    [32]byte // of Machine; for Mixed
	Rolls      int      // 0 without dice
	Dice       [32]byte // of CommitDice
	Words      string
	Passphrase bool // of BIP-39
	Wallets    []Wallet
}

// Wallet is the public side of one wallet.
type Wallet struct {
	ID          bundle.SignatureID
	Chain       string
	Network     string // CAIP-2, of the addresses
	Testnet     bool
	Master      []byte // public key of the master key (BIP-32)
	Fingerprint [4]byte
	Path        string // of the xpub
	XPub        string // "" where there is none
	Keys        []Key  // the first ones
}

// Key is one of a wallet's keys.
type Key struct {
	Path    string
	Public  []byte
	Address string
}

// Machine commits to the machine's part, 64 random bytes, before the dice are rolled.
func Machine(part []byte) (c [32]byte) {
	h := sha256.New()
	h.Write([]byte("coldsign ceremony machine\x00"))
	h.Write(part)
	h.Sum(c[:0])
	return c
}

// CommitDice commits to the rolls by the seed they went into: who has neither words
// nor seed cannot try out rolls, whoever invented them.
func CommitDice(entropy, rolls []byte) (c [32]byte, err error) {
	key, err := hkdf.Key(sha256.New, entropy, nil, "coldsign ceremony dice", 32)
	if err != nil {
		return c, fault.New("ceremony.dice", "", "cannot commit to the dice: %w", err)
	}
	defer clear(key)
	m := hmac.New(sha256.New, key)
	m.Write(rolls)
	m.Sum(c[:0])
	return c, nil
}

// Encode gives the file, signed by the device key.
func (t Transcript) Encode(s bundle.Signer) ([]byte, error) {
	var b bytes.Buffer
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("coldsign ceremony 1")
	line("time %s", t.Time.UTC().Format(time.RFC3339))
	line("device %x", []byte(s.Public()))
	line("program %s", t.Program)
	for _, w := range t.Overlooked {
		line("overlooked %s", w)
	}
	if t.Rehearsal {
		line("rehearsal yes")
	}
	line("journal %d %x", t.Entries, t.Head)
	line("how %s", t.How)
	if t.How == Mixed {
		line("machine %x", t.Machine)
	}
	if t.Rolls > 0 {
		line("rolls %d", t.Rolls)
		line("dice %x", t.Dice)
	}
	line("words %s", t.Words)
	line("passphrase %s", map[bool]string{true: "yes", false: "no"}[t.Passphrase])
	for _, w := range t.Wallets {
		w.write(line)
	}
	sum := sha256.Sum256(b.Bytes())
	sig, err := s.Sign(append([]byte("coldsign ceremony transcript\x00"), sum[:]...))
	if err != nil {
		return nil, err
	}
	line("signature %s", hex.EncodeToString(sig))
	return b.Bytes(), nil
}

func (w Wallet) write(line func(format string, args ...any)) {
	line("wallet %s", w.ID)
	line("chain %s %s %s", w.Chain, map[bool]string{true: "testnet", false: "mainnet"}[w.Testnet], w.Network)
	line("fingerprint %x", w.Fingerprint)
	line("master %x", w.Master)
	if w.XPub != "" {
		line("account %s %s", w.Path, w.XPub)
	}
	for _, k := range w.Keys {
		line("key %s %x %s", k.Path, k.Public, k.Address)
	}
}
