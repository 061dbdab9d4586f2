package keystore

import (
	"bytes"
	"cmp"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"slices"

	"coldsign/offline/internal/memory"
	"coldsign/shared/bundle"
	"coldsign/shared/durable"
	"coldsign/shared/fault"
	"coldsign/shared/hd"
)

const (
	keyFactor = 10 // scrypt log2 N for a random key of 256 bits, which needs no stretching
	maxSets   = 256
)

// ShareSet says of a backup which set of SLIP-39 shares opens it. It holds no share.
type ShareSet struct {
	ID          uint16   `cbor:"1,keyasint"` // of the set, 15 bits
	Plan        string   `cbor:"2,keyasint"` // "2of3"
	Fingerprint [8]byte  `cbor:"3,keyasint"` // of the wallets
	Backup      [32]byte `cbor:"4,keyasint"` // SHA-256 of the file
	Created     int64    `cbor:"5,keyasint"` // Unix seconds
}

// AddShareSet notes a set that was handed out; the caller saves. The oldest are
// forgotten beyond 256.
func (ks *Keystore) AddShareSet(s ShareSet) {
	ks.c.Sets = append(ks.c.Sets, s)
	ks.c.Sets = ks.c.Sets[max(0, len(ks.c.Sets)-maxSets):]
}

// ShareSets gives the sets that were handed out, oldest first.
func (ks *Keystore) ShareSets() []ShareSet { return slices.Clone(ks.c.Sets) }

// Documents gives the documents in force.
func (ks *Keystore) Documents() []Document { return slices.Clone(ks.c.Documents) }

// Generation counts the saves.
func (ks *Keystore) Generation() uint64 { return ks.c.Generation }

// Fingerprint names the set of wallets: who compares it knows that a backup holds
// the same keys. FORMAT.md defines it.
func (ks *Keystore) Fingerprint() (fp [8]byte, err error) {
	type identity struct {
		_       struct{} `cbor:",toarray"`
		ID      bundle.SignatureID
		Chain   string
		Testnet bool
		Key     []byte
	}
	list := make([]identity, len(ks.c.Entries))
	for i := range ks.c.Entries {
		e := &ks.c.Entries[i]
		k, err := ks.Key(e.ID, ks.path0(e))
		if err != nil {
			return fp, err
		}
		list[i] = identity{ID: e.ID, Chain: e.Chain, Testnet: e.Testnet, Key: k.Public().Bytes()}
		if i%1000 == 999 {
			ks.cache.forget() // thousands of derived keys would fill the locked memory
		}
	}
	slices.SortFunc(list, func(a, b identity) int { return cmp.Compare(string(a.ID[:]), string(b.ID[:])) })
	enc, _, err := modes()
	if err != nil {
		return fp, err
	}
	b, err := enc.Marshal(list)
	sum := sha256.Sum256(b)
	return [8]byte(sum[:8]), err
}

// Backup seals a copy of what the keystore holds: under another passphrase, or under
// the one in force when it is nil. What is wanted of the copy once it is written is
// that check passes its bytes.
func (ks *Keystore) Backup(passphrase []byte) (sealed []byte, check func(readBack []byte) error, err error) {
	if passphrase == nil {
		passphrase = ks.passphrase
	} else if err := strong(passphrase); err != nil {
		return nil, nil, err
	}
	return ks.sealed(passphrase, ks.factor)
}

// BackupUnderKey is Backup under the hexadecimal digits of a random key of 32 bytes.
func (ks *Keystore) BackupUnderKey(digits []byte) (sealed []byte, check func(readBack []byte) error, err error) {
	if len(digits) != 2*32 {
		return nil, nil, fault.New("backup.key", "", "a key of %d digits", len(digits))
	}
	return ks.sealed(digits, min(ks.factor, keyFactor))
}

func (ks *Keystore) sealed(passphrase []byte, factor int) (sealed []byte, check func([]byte) error, err error) {
	memory.Do(func() {
		var plain []byte
		if plain, err = ks.c.encode(); err == nil {
			sealed, err = Encrypt(plain, passphrase, factor)
		}
		clear(plain)
	})
	return sealed, func(readBack []byte) (err error) {
		memory.Do(func() {
			var plain, again []byte
			if plain, err = ks.c.encode(); err != nil {
				return
			}
			defer clear(plain)
			if again, err = Decrypt(readBack, passphrase); err == nil && !bytes.Equal(again, plain) {
				err = fault.New("backup.damaged", "use another medium", "the backup does not decrypt to what was written")
			}
			clear(again)
		})
		return err
	}, err
}

// ReadBackup reads a backup file.
func ReadBackup(name string, stdin *os.File) ([]byte, error) {
	return durable.ReadInput(name, stdin, maxFile)
}

// OpenBackup opens a backup in memory; nothing is written. Errors: those of Open for a
// wrong passphrase and an unknown version, backup.damaged.
func OpenBackup(sealed, passphrase []byte, chains Chains) (*Keystore, error) {
	ks, err := empty("", passphrase, chains)
	if err != nil {
		return nil, err
	}
	if err := ks.unseal(sealed); err != nil {
		ks.Close()
		if fault.Is(err, "keystore.format") {
			err = fault.New("backup.damaged", "use another copy", "the file is no backup, or a damaged one")
		}
		return nil, err
	}
	return ks, nil
}

// Restore makes the keystore of home from an open backup, which it then is. The
// device key is a new one, and nothing is paired: two devices with one key would both
// go on with the same sequence of bundles and the same journal, and nobody could say
// which of two answers is the true one.
func (ks *Keystore) Restore(home string, passphrase []byte) error {
	if err := strong(passphrase); err != nil {
		return err
	}
	path := filepath.Join(home, File)
	if _, err := os.Lstat(path); err == nil {
		return fault.New("keystore.exists", "use another --home, or move it away", "there is a keystore at %q", path)
	}
	kept, err := ks.secrets.Copy(passphrase)
	if err != nil {
		return err
	}
	ks.path, ks.passphrase, ks.c.Peer = path, kept, []byte{}
	memory.Do(func() {
		var seed []byte
		if seed, err = hd.Entropy(ks.random, ""); err != nil {
			return
		}
		clear(ks.c.Device)
		if ks.c.Device, err = moved(ks.secrets, seed); err == nil {
			ks.device = newDevice(ks.c.Device)
		}
	})
	if err != nil {
		return err
	}
	return ks.Save()
}

// SetPassphrase seals the keystore under another passphrase, and removes the
// generation that the old one opens. Copies made before stay as they are.
func (ks *Keystore) SetPassphrase(passphrase []byte) error {
	if err := strong(passphrase); err != nil {
		return err
	}
	kept, err := ks.secrets.Copy(passphrase)
	if err != nil {
		return err
	}
	old := ks.passphrase
	ks.passphrase = kept
	if err := ks.Save(); err != nil {
		ks.passphrase = old
		return err
	}
	clear(old)
	return ks.dropPrevious()
}

// KeyDigits gives the digits under which a backup is sealed, in a.
func KeyDigits(a *memory.Arena, key []byte) ([]byte, error) {
	digits, err := a.Bytes(hex.EncodedLen(len(key)))
	if err == nil {
		hex.Encode(digits, key)
	}
	return digits, err
}

func newDevice(seed []byte) Device {
	return Device{seed: seed, public: bytes.Clone(ed25519.NewKeyFromSeed(seed).Public().(ed25519.PublicKey))}
}
