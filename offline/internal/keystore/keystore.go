// Package keystore keeps the secrets of the offline half: one age file sealed
// with a passphrase (scrypt), so that a stranger with the standard tool and the
// passphrase can open a backup.
//
//	ks, err := keystore.Open(home, passphrase, chains)
//	key, err := ks.Key(signatureID, path)
//	sig, err := key.Sign(request)
//
// While it is open, secrets are in package memory's pages, outside the Go heap, and
// what derives and signs runs in memory.Do. Close takes the pages away.
//
// Ed25519 keys are kept as seeds only: a stored public half that is wrong by
// one bit would leak the private key with the second signature.
package keystore

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"
	"unicode"

	"coldsign/offline/internal/memory"
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
	secrets    *memory.Arena // passphrase and contents
	passphrase []byte
	device     Device
	random     *hd.Source // one for all keys: it remembers what it gave
	c          *contents
	chains     Chains
	factor     int
	cache      keyCache
}

// Create makes the keystore and its device key. It never replaces one.
func Create(home string, passphrase []byte, chains Chains) (*Keystore, error) {
	return create(home, passphrase, chains, &contents{})
}

// CreateRehearsal is Create of a keystore that takes wallets of test networks only,
// for ever, and says so in every copy.
func CreateRehearsal(home string, passphrase []byte, chains Chains) (*Keystore, error) {
	return create(home, passphrase, chains, &contents{Rehearsal: true})
}

func create(home string, passphrase []byte, chains Chains, c *contents) (*Keystore, error) {
	if err := strong(passphrase); err != nil {
		return nil, err
	}
	path := filepath.Join(home, File)
	if _, err := os.Lstat(path); err == nil {
		return nil, fault.New("keystore.exists", "use another --home, or move it away", "there is a keystore at %q", path)
	}
	ks, err := empty(path, passphrase, chains)
	if err != nil {
		return nil, err
	}
	c.Version, c.Preset, c.Peer, c.Entries = 1, "strict", []byte{}, []entry{}
	ks.c = c
	memory.Do(func() {
		if ks.c.Device, err = hd.Entropy(ks.random, ""); err == nil {
			err = ks.ready()
		}
	})
	if err == nil {
		err = ks.Save()
	}
	if err != nil {
		ks.Close()
		return nil, err
	}
	return ks, nil
}

// strong refuses a passphrase that can be tried out.
func strong(passphrase []byte) error {
	if len(passphrase) < minWords {
		return fault.New("keystore.weak-passphrase", "use at least 8 characters; six random words are better", "the passphrase has only %d characters", len(passphrase))
	}
	return nil
}

// empty gives a keystore without contents. Its memory is locked before there is a
// secret to keep in it.
func empty(path string, passphrase []byte, chains Chains) (*Keystore, error) {
	a, err := memory.NewArena()
	if err != nil {
		return nil, err
	}
	kept, err := a.Copy(passphrase)
	return &Keystore{path: path, secrets: a, passphrase: kept, random: hd.NewSource(), chains: chains, factor: workFactor}, err
}

// ready moves the contents' secrets out of the heap and knows the device key.
func (ks *Keystore) ready() error {
	if err := ks.c.keep(ks.secrets); err != nil {
		return err
	}
	ks.device = newDevice(ks.c.Device)
	return nil
}

// Open decrypts the keystore of home.
func Open(home string, passphrase []byte, chains Chains) (*Keystore, error) {
	path := filepath.Join(home, File)
	if err := private(home, path); err != nil {
		return nil, err
	}
	sealed, err := durable.Read(path, maxFile)
	if err != nil {
		return nil, err
	}
	ks, err := empty(path, passphrase, chains)
	if err != nil {
		return nil, err
	}
	if err := ks.unseal(sealed); err != nil {
		ks.Close()
		return nil, err
	}
	ks.sweep()
	// This generation opens, so the one before it is no longer needed.
	if err := ks.dropPrevious(); err != nil {
		ks.Close()
		return nil, err
	}
	return ks, nil
}

func (ks *Keystore) dropPrevious() error {
	if err := os.Remove(ks.path + ".previous"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fault.New("keystore.previous", "", "cannot remove the previous generation: %w", err)
	}
	return nil
}

// sweep removes what a killed write left: files that an old passphrase may open. The
// home's lock is held, so that no write is under way.
func (ks *Keystore) sweep() {
	left, _ := filepath.Glob(filepath.Join(filepath.Dir(ks.path), "."+File+".*.tmp"))
	for _, path := range left {
		_ = os.Remove(path) // it comes again at the next opening
	}
}

// private refuses a keystore that is not there, or that others may read or change.
func private(home, path string) error {
	info, err := os.Lstat(path)
	if _, kept := os.Lstat(filepath.Join(home, "journal.coldsign")); errors.Is(err, fs.ErrNotExist) && kept == nil {
		return fault.New("keystore.missing", "copy keystore.age back from a backup; its journal is still here", "the keystore at %q is gone", path)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return fault.New("keystore.missing", "run \"coldsign-offline init\" first", "no keystore at %q", path)
	}
	if err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o077 != 0 {
		return fault.New("keystore.mode", "run chmod 600 on it", "other users may read or change %q", path)
	}
	if err == nil && !ours(info) {
		return fault.New("keystore.owner", "run it as the user who made it", "%q belongs to another user", path)
	}
	if dir, err := os.Stat(home); err == nil && (dir.Mode().Perm()&0o002 != 0 || !ours(dir)) {
		return fault.New("keystore.mode", "run chmod 700 on it", "another user may put files into %q", home)
	}
	return nil
}

// ours reports whether a file belongs to the user who runs this.
func ours(info fs.FileInfo) bool {
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(st.Uid) == os.Geteuid()
}

func (ks *Keystore) unseal(sealed []byte) (err error) {
	memory.Do(func() {
		var plain []byte
		if plain, err = Decrypt(sealed, ks.passphrase); err != nil {
			return
		}
		defer clear(plain)
		if ks.c, err = decode(plain); err == nil {
			err = ks.ready()
		}
	})
	return err
}

// Save writes the next generation. The file is read back and decrypted before
// it takes the old one's place; the old one is kept until the next Open.
func (ks *Keystore) Save() (err error) {
	memory.Do(func() { err = ks.save() })
	return err
}

func (ks *Keystore) save() error {
	ks.c.Generation++
	ks.c.Files = nil
	plain, err := ks.c.encode()
	if err != nil {
		return err
	}
	defer clear(plain)
	sealed, err := Encrypt(plain, ks.passphrase, ks.factor)
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
		again, err := Decrypt(back, ks.passphrase)
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

// Close locks the keystore: secrets are wiped and their pages given back. No Key of
// it may be used any more. A process that lives on calls memory.Collect, for what
// deriving and signing left on the heap.
func (ks *Keystore) Close() {
	if ks.secrets == nil {
		return
	}
	ks.cache.forget()
	ks.secrets.Close()
	left := &contents{Rehearsal: ks.c != nil && ks.c.Rehearsal}
	*ks = Keystore{path: ks.path, chains: ks.chains, factor: ks.factor, c: left, device: Device{public: ks.device.public}}
}

// Format keeps the secrets out of every print, whatever the verb.
func (ks *Keystore) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "keystore(redacted)") }

// Device is this half's device key. It implements bundle.Signer.
type Device struct {
	seed   []byte // in secret memory; nil once the keystore is locked
	public ed25519.PublicKey
}

// Format prints the device's name alone, whatever the verb.
func (d Device) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, "device "+bundle.IDOf(d.Public()).String())
}

// Device gives the device key.
func (ks *Keystore) Device() Device { return ks.device }

// Public gives the public half.
func (d Device) Public() ed25519.PublicKey { return d.public }

// Sign signs a message with Ed25519, and verifies what it made.
func (d Device) Sign(message []byte) (sig []byte, err error) {
	if len(d.seed) != ed25519.SeedSize {
		return nil, fault.New("keystore.locked", "", "the keystore is locked")
	}
	sig = make([]byte, ed25519.SignatureSize)
	memory.Do(func() { copy(sig, ed25519.Sign(ed25519.NewKeyFromSeed(d.seed), message)) })
	if !ed25519.Verify(d.public, message, sig) {
		return nil, fault.New("sign.verify", "do not use this machine", "the device key's signature did not verify")
	}
	return sig, nil
}

// Peer gives the device key of the paired online half.
func (ks *Keystore) Peer() (ed25519.PublicKey, bool) {
	return slices.Clone(ks.c.Peer), len(ks.c.Peer) != 0
}

// SetPeer pairs with an online half; call Save after it.
func (ks *Keystore) SetPeer(pub ed25519.PublicKey) { ks.c.Peer = slices.Clone(pub) }

// Rehearsal reports whether the keystore was made for a rehearsal.
func (ks *Keystore) Rehearsal() bool { return ks.c.Rehearsal }

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

	Passphrase bool // has one of BIP-39
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
	return Info{ID: e.ID, Chain: e.Chain, Testnet: e.Testnet, Mnemonic: e.Kind != singleKey, Passphrase: len(e.Passphrase) > 0}
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
	i, ok := ks.c.at[id]
	if !ok {
		return nil, fault.New("wallet.missing", "see \"coldsign-offline wallet list\"", "no wallet %s in this keystore", id)
	}
	return &ks.c.Entries[i], nil
}

// Import adds a mnemonic, or a private key in the chain's own text form. The
// caller saves. text is wiped by the caller.
func (ks *Keystore) Import(id bundle.SignatureID, chainName string, testnet bool, text []byte, now time.Time) (Info, error) {
	return ks.ImportAs(Typed, id, chainName, testnet, text, now)
}

// ImportAs is Import of a secret whose form is known.
func (ks *Keystore) ImportAs(form Form, id bundle.SignatureID, chainName string, testnet bool, text []byte, now time.Time) (Info, error) {
	return ks.importEntry(form, entry{ID: id, Chain: chainName, Testnet: testnet, Created: now.Unix()}, text)
}

// ImportWith is Import of a mnemonic and its passphrase of BIP-39, in the form that
// hd.Passphrase gives it.
func (ks *Keystore) ImportWith(passphrase []byte, id bundle.SignatureID, chainName string, testnet bool, text []byte, now time.Time) (Info, error) {
	return ks.importEntry(Typed, entry{ID: id, Chain: chainName, Testnet: testnet, Created: now.Unix(), Passphrase: bytes.Clone(passphrase)}, text)
}

func (ks *Keystore) importEntry(form Form, e entry, text []byte) (info Info, err error) {
	ch, ok := ks.chains.ByName(e.Chain)
	if !ok {
		return Info{}, unknownChain(e.Chain)
	}
	memory.Do(func() {
		defer clear(e.Passphrase)
		if e.Kind, e.Secret, err = form.read(ch.Wallet, text, e.Testnet); err == nil {
			info, err = ks.add(e)
		}
	})
	return info, err
}

// Form says what the text of a secret is.
type Form uint8

// The forms. What people type is Typed: a mnemonic has white space in it (U+3000 of
// Japanese too), a private key has none. Other tools' files say which it is. Words
// are what such a tool made a seed of, maybe without checking them: they are kept as
// a mnemonic if they are one in its canonical form, and else as the text they are.
const (
	Typed Form = iota
	PrivateKey
	Words
)

func (f Form) read(w chain.Wallet, text []byte, testnet bool) (kind, []byte, error) {
	if f == Typed {
		text = bytes.TrimSpace(text)
	}
	if f == PrivateKey || f == Typed && !bytes.ContainsFunc(text, unicode.IsSpace) {
		secret, err := w.ParseKey(memory.Text(text), testnet)
		return singleKey, secret, err
	}
	m, err := hd.ParseMnemonic(text)
	if err != nil && f == Typed {
		return mnemonic, nil, err
	}
	if err == nil {
		defer m.Wipe()
		if canonical := m.Text(); f == Typed || bytes.Equal(canonical, text) {
			return mnemonic, canonical, nil
		}
	}
	// Deriving, in add, proves that a seed can be made of it.
	return words, bytes.Clone(text), nil
}

func unknownChain(name string) error {
	return fault.New("chain.unknown", "see \"coldsign-offline version\" for the chains", "chain %q is unknown", name)
}

func (ks *Keystore) add(e entry) (Info, error) {
	ch, ok := ks.chains.ByName(e.Chain)
	if !ok {
		return Info{}, unknownChain(e.Chain)
	}
	if ks.c.Rehearsal && !e.Testnet {
		return Info{}, fault.New("rehearsal.mainnet", "give --testnet", "a rehearsal takes no wallet of a main network")
	}
	if len(ks.c.Entries) >= maxEntries {
		return Info{}, fault.New("keystore.full", "use another home", "the keystore holds %d wallets, the most it can", maxEntries)
	}
	if _, err := ks.entry(e.ID); err == nil {
		return Info{}, fault.New("wallet.exists", "give another --id", "signature id %s is taken", e.ID)
	}
	if len(e.Secret) == 0 || len(e.Secret) > maxSecret {
		return Info{}, fault.New("wallet.length", "", "a secret of %d bytes", len(e.Secret))
	}
	e.Curve = ch.Wallet.Derivation().Curve
	if e.Kind == singleKey && len(e.Passphrase) > 0 {
		clear(e.Secret)
		return Info{}, fault.New("mnemonic.passphrase", "leave the passphrase away, or give the words", "a single key has no passphrase of BIP-39")
	}
	var err error
	if e.Secret, err = moved(ks.secrets, e.Secret); err != nil {
		return Info{}, err
	}
	if e.Passphrase, err = moved(ks.secrets, e.Passphrase); err != nil {
		return Info{}, err
	}
	ks.c.put(e)
	// Deriving proves that the secret is usable before anything is saved.
	if _, err := ks.Key(e.ID, ks.path0(&e)); err != nil {
		clear(e.Secret)
		clear(e.Passphrase)
		ks.c.cut(len(ks.c.Entries) - 1)
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
	if name := ks.cosigns(id); name != "" {
		return fault.New("wallet.cosigns", "run \"coldsign-offline multisig remove "+name+"\" first", "wallet %s has a key of the multisig wallet %s", id, name)
	}
	clear(e.Secret)
	clear(e.Passphrase)
	ks.c.cut(ks.c.at[id])
	ks.cache.forget()
	return nil
}

// NewSignatureID makes a random (version 4, RFC 9562) UUID.
func NewSignatureID() (id bundle.SignatureID, err error) {
	if _, err := hd.NewSource().Read(id[:]); err != nil {
		return id, err
	}
	id[6] = id[6]&0x0f | 0x40
	id[8] = id[8]&0x3f | 0x80
	return id, nil
}

// Forget drops the keys that were derived, and their memory: who goes through
// thousands of wallets calls it now and then. No Key given before may be used after.
func (ks *Keystore) Forget() { ks.cache.forget() }
