// Package keystore keeps the secrets of the offline half: one age file sealed
// with a passphrase (scrypt), so that a stranger with the standard tool and the
// passphrase can open a backup.
//
//	ks, err := keystore.Open(home, passphrase, chains)
//	key, err := ks.Key(signatureID, path)
//	sig, err := key.Sign(request)
//
// Ed25519 keys are kept as seeds only: a stored public half that is wrong by
// one bit would leak the private key with the second signature.
package keystore

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"
	"unicode"

	"coldsign/shared/bundle"
	"coldsign/shared/chain"
	"coldsign/shared/durable"
	"coldsign/shared/fault"
	"coldsign/shared/hd"
)

// File is the keystore's name in the home.
const File = "keystore.age"

// Chains finds a chain by its KMS name.
type Chains interface {
	ByName(kms string) (chain.Chain, bool)
}

// Keystore is an open keystore. It is not safe for use by several goroutines
// while it is being changed; Key may be called by several at once.
type Keystore struct {
	path       string
	passphrase []byte
	c          *contents
	chains     Chains
	factor     int
	cache      keyCache
}

// Create makes the keystore and its device key. It never replaces one.
func Create(home string, passphrase []byte, chains Chains) (*Keystore, error) {
	if len(passphrase) < minWords {
		return nil, fault.New("keystore.weak-passphrase", "use at least 8 characters; six random words are better", "the passphrase has only %d characters", len(passphrase))
	}
	path := filepath.Join(home, File)
	if _, err := os.Lstat(path); err == nil {
		return nil, fault.New("keystore.exists", "use another --home, or move it away", "there is a keystore at %q", path)
	}
	seed, err := hd.Entropy(rand.Reader, "")
	if err != nil {
		return nil, err
	}
	c := &contents{Version: 1, Preset: "strict", Peer: []byte{}, Entries: []entry{}}
	copy(c.Device[:], seed)
	clear(seed)
	ks := &Keystore{path: path, passphrase: bytes.Clone(passphrase), c: c, chains: chains, factor: workFactor}
	return ks, ks.Save()
}

// Open decrypts the keystore of home.
func Open(home string, passphrase []byte, chains Chains) (*Keystore, error) {
	path := filepath.Join(home, File)
	info, err := os.Lstat(path)
	if _, kept := os.Lstat(filepath.Join(home, "journal.coldsign")); errors.Is(err, fs.ErrNotExist) && kept == nil {
		return nil, fault.New("keystore.missing", "copy keystore.age back from a backup; its journal is still here", "the keystore at %q is gone", path)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fault.New("keystore.missing", "run \"coldsign-offline init\" first", "no keystore at %q", path)
	}
	if err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o077 != 0 {
		return nil, fault.New("keystore.mode", "run chmod 600 on it", "other users may read or change %q", path)
	}
	sealed, err := durable.Read(path, maxFile)
	if err != nil {
		return nil, err
	}
	plain, err := decrypt(sealed, passphrase)
	if err != nil {
		return nil, err
	}
	defer clear(plain)
	c, err := decode(plain)
	if err != nil {
		return nil, err
	}
	// This generation opens, so the one before it is no longer needed.
	if err := os.Remove(path + ".previous"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fault.New("keystore.previous", "", "cannot remove the previous generation: %w", err)
	}
	return &Keystore{path: path, passphrase: bytes.Clone(passphrase), c: c, chains: chains, factor: workFactor}, nil
}

// Save writes the next generation. The file is read back and decrypted before
// it takes the old one's place; the old one is kept until the next Open.
func (ks *Keystore) Save() error {
	ks.c.Generation++
	plain, err := ks.c.encode()
	if err != nil {
		return err
	}
	defer clear(plain)
	sealed, err := encrypt(plain, ks.passphrase, ks.factor)
	if err != nil {
		return err
	}
	if _, err := os.Lstat(ks.path); err == nil {
		os.Remove(ks.path + ".previous")
		if err := os.Link(ks.path, ks.path+".previous"); err != nil {
			return fault.New("keystore.previous", "", "cannot keep the previous generation: %w", err)
		}
	}
	return durable.WriteChecked(ks.path, sealed, func(back []byte) error {
		again, err := decrypt(back, ks.passphrase)
		if err != nil {
			return err
		}
		defer clear(again)
		if !bytes.Equal(again, plain) {
			return damaged("the new file does not decrypt to what was written")
		}
		return nil
	})
}

// Close wipes what can be wiped.
func (ks *Keystore) Close() {
	ks.cache.wipe()
	clear(ks.passphrase)
	clear(ks.c.Device[:])
	for i := range ks.c.Entries {
		clear(ks.c.Entries[i].Secret)
	}
}

// Format keeps the secrets out of every print, whatever the verb.
func (ks *Keystore) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "keystore(redacted)") }

// Device is this half's device key. It implements bundle.Signer.
type Device struct{ key ed25519.PrivateKey }

// Format prints the device's name alone, whatever the verb.
func (d Device) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, "device "+bundle.IDOf(d.Public()).String())
}

// Device gives the device key.
func (ks *Keystore) Device() Device { return Device{ed25519.NewKeyFromSeed(ks.c.Device[:])} }

// Public gives the public half.
func (d Device) Public() ed25519.PublicKey { return d.key.Public().(ed25519.PublicKey) }

// Sign signs a message with Ed25519.
func (d Device) Sign(message []byte) ([]byte, error) { return ed25519.Sign(d.key, message), nil }

// Peer gives the device key of the paired online half.
func (ks *Keystore) Peer() (ed25519.PublicKey, bool) {
	return slices.Clone(ks.c.Peer), len(ks.c.Peer) != 0
}

// SetPeer pairs with an online half; call Save after it.
func (ks *Keystore) SetPeer(pub ed25519.PublicKey) { ks.c.Peer = slices.Clone(pub) }

// Preset names the policy in force.
func (ks *Keystore) Preset() string { return ks.c.Preset }

// SetPreset changes the policy in force; call Save after it.
func (ks *Keystore) SetPreset(name string) { ks.c.Preset = name }

// Info is the public face of an entry.
type Info struct {
	ID       bundle.SignatureID
	Chain    string
	Testnet  bool
	Mnemonic bool // derives keys by index
}

// List gives the entries in the order they were made.
func (ks *Keystore) List() []Info {
	infos := make([]Info, len(ks.c.Entries))
	for i := range ks.c.Entries {
		infos[i] = ks.c.Entries[i].info()
	}
	return infos
}

func (e *entry) info() Info {
	return Info{ID: e.ID, Chain: e.Chain, Testnet: e.Testnet, Mnemonic: e.Kind == mnemonic}
}

// Find gives the entry with the given id.
func (ks *Keystore) Find(id bundle.SignatureID) (Info, error) {
	e, err := ks.entry(id)
	if err != nil {
		return Info{}, err
	}
	return e.info(), nil
}

func (ks *Keystore) entry(id bundle.SignatureID) (*entry, error) {
	i := slices.IndexFunc(ks.c.Entries, func(e entry) bool { return e.ID == id })
	if i < 0 {
		return nil, fault.New("wallet.missing", "see \"coldsign-offline wallet list\"", "no wallet %s in this keystore", id)
	}
	return &ks.c.Entries[i], nil
}

// NewWallet makes a mnemonic wallet from fresh randomness mixed with the dice
// rolls, if any. The caller saves.
func (ks *Keystore) NewWallet(chainName string, testnet bool, dice string, now time.Time) (Info, error) {
	entropy, err := hd.Entropy(rand.Reader, dice)
	if err != nil {
		return Info{}, err
	}
	defer clear(entropy)
	m, err := hd.NewMnemonic(entropy)
	if err != nil {
		return Info{}, err
	}
	defer m.Wipe()
	id, err := NewSignatureID()
	if err != nil {
		return Info{}, err
	}
	return ks.add(entry{ID: id, Chain: chainName, Testnet: testnet, Kind: mnemonic, Secret: m.Text(), Created: now.Unix()})
}

// Import adds a mnemonic, or a private key in the chain's own text form. The
// caller saves. text is wiped by the caller.
func (ks *Keystore) Import(id bundle.SignatureID, chainName string, testnet bool, text []byte, now time.Time) (Info, error) {
	ch, ok := ks.chains.ByName(chainName)
	if !ok {
		return Info{}, unknownChain(chainName)
	}
	text = bytes.TrimSpace(text)
	e := entry{ID: id, Chain: chainName, Testnet: testnet, Created: now.Unix()}
	if bytes.ContainsFunc(text, unicode.IsSpace) { // U+3000 of Japanese too
		m, err := hd.ParseMnemonic(text)
		if err != nil {
			return Info{}, err
		}
		defer m.Wipe()
		e.Kind, e.Secret = mnemonic, m.Text()
	} else {
		secret, err := ch.Wallet.ParseKey(string(text), testnet)
		if err != nil {
			return Info{}, err
		}
		e.Kind, e.Secret = singleKey, secret
	}
	return ks.add(e)
}

func unknownChain(name string) error {
	return fault.New("chain.unknown", "see \"coldsign-offline version\" for the chains", "chain %q is unknown", name)
}

func (ks *Keystore) add(e entry) (Info, error) {
	ch, ok := ks.chains.ByName(e.Chain)
	if !ok {
		return Info{}, unknownChain(e.Chain)
	}
	if len(ks.c.Entries) >= maxEntries {
		return Info{}, fault.New("keystore.full", "use another home", "the keystore holds %d wallets, the most it can", maxEntries)
	}
	if _, err := ks.entry(e.ID); err == nil {
		return Info{}, fault.New("wallet.exists", "give another --id", "signature id %s is taken", e.ID)
	}
	e.Curve = ch.Wallet.Derivation().Curve
	ks.c.Entries = append(ks.c.Entries, e)
	// Deriving proves that the secret is usable before anything is saved.
	if _, err := ks.Key(e.ID, ks.path0(&e)); err != nil {
		ks.c.Entries = ks.c.Entries[:len(ks.c.Entries)-1]
		return Info{}, err
	}
	return e.info(), nil
}

// Remove deletes an entry; the caller saves.
func (ks *Keystore) Remove(id bundle.SignatureID) error {
	e, err := ks.entry(id)
	if err != nil {
		return err
	}
	clear(e.Secret)
	ks.c.Entries = slices.DeleteFunc(ks.c.Entries, func(e entry) bool { return e.ID == id })
	ks.cache.wipe()
	return nil
}

// NewSignatureID makes a random (version 4, RFC 9562) UUID.
func NewSignatureID() (id bundle.SignatureID, err error) {
	if _, err := rand.Read(id[:]); err != nil {
		return id, fault.New("entropy.source", "", "no randomness for an id: %w", err)
	}
	id[6] = id[6]&0x0f | 0x40
	id[8] = id[8]&0x3f | 0x80
	return id, nil
}

// Fingerprint names the keystore for a person: the first 8 bytes, in hex, of
// the device id.
func (ks *Keystore) Fingerprint() string {
	id := bundle.IDOf(ks.Device().Public())
	return hex.EncodeToString(id[:8])
}
