package keystore

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"io"
	"slices"

	"filippo.io/age"
	"github.com/fxamacker/cbor/v2"

	"coldsign/offline/internal/memory"
	"coldsign/shared/bundle"
	"coldsign/shared/chain"
	"coldsign/shared/fault"
	"coldsign/shared/quote"
)

const (
	maxFile    = 160 << 20 // bytes of the encrypted file
	maxPacked  = 80 << 20  // bytes of documents in a backup
	maxEntries = 250_000
	maxSecret  = 1024 // bytes of a mnemonic text; keys are 32
	minWords   = 8    // bytes of a passphrase
	maxFactor  = 20   // of files we open: bounds what a hostile header can ask for, 1 GiB
)

// contents is what the age file holds, in deterministic CBOR.
type contents struct {
	Version    uint    `cbor:"1,keyasint"`
	Generation uint64  `cbor:"2,keyasint"` // counts saves
	Device     []byte  `cbor:"3,keyasint"` // 32-byte Ed25519 seed of this half's device key
	Peer       []byte  `cbor:"4,keyasint"` // Ed25519 public key of the paired online half; empty before pairing
	Preset     string  `cbor:"5,keyasint"` // the policy in force
	Entries    []entry `cbor:"6,keyasint"`

	Documents []Document `cbor:"7,keyasint,omitempty"`  // in ascending order of Kind, each once
	Sets      []ShareSet `cbor:"8,keyasint,omitempty"`  // oldest first
	Rehearsal bool       `cbor:"9,keyasint,omitempty"`  // for ever: test networks only
	Files     [][]byte   `cbor:"10,keyasint,omitempty"` // of a backup only: what Documents name, in their order
	Multisigs []Multisig `cbor:"11,keyasint,omitempty"` // in the order they were enrolled

	at map[bundle.SignatureID]int // where an entry is
}

// put adds an entry with an id that is not there yet.
func (c *contents) put(e entry) {
	if c.at == nil {
		c.at = map[bundle.SignatureID]int{}
	}
	c.at[e.ID] = len(c.Entries)
	c.Entries = append(c.Entries, e)
}

// cut takes entry i out.
func (c *contents) cut(i int) {
	delete(c.at, c.Entries[i].ID)
	c.Entries = slices.Delete(c.Entries, i, i+1)
	for ; i < len(c.Entries); i++ {
		c.at[c.Entries[i].ID] = i
	}
}

// Document names a file of the home that is in force: the operators' policy, their
// address book. What the file holds is public; that it is the right one is not to be
// decided by who can write to the disk.
type Document struct {
	Kind    string   `cbor:"1,keyasint"` // "policy", "book", ...
	Version uint64   `cbor:"2,keyasint"` // never goes down
	Digest  [32]byte `cbor:"3,keyasint"` // SHA-256 of the file
}

type kind uint8

const (
	mnemonic  kind = 1 // BIP-39 text
	singleKey kind = 2 // 32 bytes: secp256k1 scalar or Ed25519 seed (never the public half)
	words     kind = 3 // text that another tool made a seed of as BIP-39 does, unchecked
)

type entry struct {
	ID      bundle.SignatureID `cbor:"1,keyasint"`
	Chain   string             `cbor:"2,keyasint"`
	Testnet bool               `cbor:"3,keyasint"`
	Kind    kind               `cbor:"4,keyasint"`
	Secret  []byte             `cbor:"5,keyasint"`
	Curve   chain.Curve        `cbor:"6,keyasint"`
	Created int64              `cbor:"7,keyasint"` // Unix seconds

	Passphrase []byte `cbor:"8,keyasint,omitempty"` // of BIP-39, as hd.Passphrase gives it
}

func modes() (cbor.EncMode, cbor.DecMode, error) {
	enc, err := cbor.CoreDetEncOptions().EncMode()
	if err != nil {
		return nil, nil, err
	}
	dec, err := cbor.DecOptions{
		DupMapKey: cbor.DupMapKeyEnforcedAPF, IndefLength: cbor.IndefLengthForbidden,
		TagsMd: cbor.TagsForbidden, ExtraReturnErrors: cbor.ExtraDecErrorUnknownField,
		MaxArrayElements: maxEntries, MaxMapPairs: 16, MaxNestedLevels: 6,
	}.DecMode()
	return enc, dec, err
}

func (c *contents) encode() ([]byte, error) {
	enc, _, err := modes()
	if err != nil {
		return nil, err
	}
	return enc.Marshal(c)
}

func damaged(format string, args ...any) error {
	return fault.New("keystore.format", "restore a backup", "the keystore is damaged: "+format, args...)
}

func decode(b []byte) (*contents, error) {
	enc, dec, err := modes()
	if err != nil {
		return nil, err
	}
	var c contents
	if err := dec.Unmarshal(b, &c); err != nil {
		return nil, damaged("not the expected form")
	}
	again, err := enc.Marshal(&c)
	if err != nil || !bytes.Equal(again, b) {
		return nil, damaged("not in canonical form")
	}
	clear(again)
	if c.Version != 1 {
		return nil, fault.New("keystore.version", "use the coldsign version that wrote it", "keystore version %d is unknown", c.Version)
	}
	if len(c.Device) != ed25519.SeedSize {
		return nil, damaged("device key of %d bytes", len(c.Device))
	}
	if len(c.Peer) != 0 && len(c.Peer) != ed25519.PublicKeySize {
		return nil, damaged("peer key of %d bytes", len(c.Peer))
	}
	if len(c.Files) > 0 {
		if len(c.Files) != len(c.Documents) {
			return nil, damaged("%d files of %d documents", len(c.Files), len(c.Documents))
		}
		for i, d := range c.Documents {
			if sha256.Sum256(c.Files[i]) != d.Digest {
				return nil, damaged("the %s in it is not the one that was in force", quote.Line(d.Kind))
			}
		}
	}
	if err := checkMultisigs(c.Multisigs); err != nil {
		return nil, err
	}
	if len(c.Sets) > maxSets {
		return nil, damaged("%d sets of shares", len(c.Sets))
	}
	for i, d := range c.Documents {
		if d.Kind == "" || d.Version == 0 || i > 0 && d.Kind <= c.Documents[i-1].Kind {
			return nil, damaged("document %d is none, or out of order", i+1)
		}
	}
	c.at = make(map[bundle.SignatureID]int, len(c.Entries))
	for i, e := range c.Entries {
		if c.at[e.ID] = i; len(c.at) != i+1 {
			return nil, damaged("signature id %s twice", e.ID)
		}
		switch {
		case c.Rehearsal && !e.Testnet:
			return nil, damaged("a rehearsal with a wallet of a main network")
		case e.Kind == singleKey && len(e.Secret) != 32:
			return nil, damaged("a key of %d bytes", len(e.Secret))
		case e.Kind != singleKey && (len(e.Secret) == 0 || len(e.Secret) > maxSecret):
			return nil, damaged("a mnemonic of %d bytes", len(e.Secret))
		case e.Kind != singleKey && e.Kind != mnemonic && e.Kind != words:
			return nil, damaged("entry of kind %d", e.Kind)
		case len(e.Passphrase) > 0 && (e.Kind == singleKey || !normal(e.Passphrase)):
			return nil, damaged("a passphrase that none has")
		case e.Curve != chain.Secp256k1 && e.Curve != chain.Ed25519:
			return nil, damaged("curve %d", e.Curve)
		}
	}
	return &c, nil
}

// keep moves the secrets of c out of the heap, into a.
func (c *contents) keep(a *memory.Arena) (err error) {
	if c.Device, err = moved(a, c.Device); err != nil {
		return err
	}
	for i := range c.Entries {
		e := &c.Entries[i]
		if e.Secret, err = moved(a, e.Secret); err != nil {
			return err
		}
		if e.Passphrase, err = moved(a, e.Passphrase); err != nil {
			return err
		}
	}
	return nil
}

// moved gives b in secret memory, and clears b; nothing for nothing.
func moved(a *memory.Arena, b []byte) ([]byte, error) {
	if len(b) == 0 {
		return nil, nil
	}
	defer clear(b)
	return a.Copy(b)
}

// Encrypt makes the age file that a keystore is in; factor is scrypt's log2 N.
func Encrypt(plain, passphrase []byte, factor int) ([]byte, error) {
	r, err := age.NewScryptRecipient(memory.Text(passphrase))
	if err != nil {
		return nil, err
	}
	r.SetWorkFactor(factor)
	var out bytes.Buffer
	w, err := age.Encrypt(&out, r)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(plain); err != nil {
		return nil, err
	}
	err = w.Close()
	return out.Bytes(), err
}

// Decrypt opens what Encrypt makes, of at most the factor maxFactor. Errors:
// keystore.passphrase, keystore.format.
func Decrypt(sealed, passphrase []byte) ([]byte, error) {
	if len(passphrase) == 0 {
		return nil, fault.New("keystore.passphrase", "", "the passphrase is empty")
	}
	id, err := age.NewScryptIdentity(memory.Text(passphrase))
	if err != nil {
		return nil, err
	}
	id.SetMaxWorkFactor(maxFactor)
	r, err := age.Decrypt(bytes.NewReader(sealed), id)
	if err != nil {
		if errors.Is(err, age.ErrIncorrectIdentity) {
			return nil, fault.New("keystore.passphrase", "type it again", "wrong passphrase")
		}
		return nil, damaged("not an age file sealed with a passphrase")
	}
	plain, err := io.ReadAll(io.LimitReader(r, maxFile))
	if err != nil {
		return nil, damaged("cannot be decrypted whole")
	}
	return plain, nil
}
