package keystore

import (
	"bytes"
	"time"

	"coldsign/offline/internal/memory"
	"coldsign/shared/bundle"
	"coldsign/shared/chain"
	"coldsign/shared/fault"
	"coldsign/shared/hd"
)

// Recipe is what a new wallet is made of. What is secret of it is the caller's.
type Recipe struct {
	Chain      string
	Testnet    bool
	Machine    []byte // what Draw gave; nil: drawn now, or none where DiceAlone
	Dice       []byte // digits 1 to 6; none without dice
	DiceAlone  bool   // hd.DiceAlone makes the seed, not hd.Mix
	Passphrase []byte // of BIP-39, as hd.Passphrase gives it; none without one
}

// Draw takes the machine's part of a seed, into secret memory. Who draws it before the
// dice are rolled can commit to it.
func (ks *Keystore) Draw() (machine []byte, err error) {
	memory.Do(func() {
		var drawn []byte
		if drawn, err = hd.Draw(ks.random); err == nil {
			machine, err = moved(ks.secrets, drawn)
		}
	})
	return machine, err
}

// NewWallet makes a mnemonic wallet from fresh randomness mixed with the dice
// rolls, if any. The caller saves.
func (ks *Keystore) NewWallet(chainName string, testnet bool, dice string, now time.Time) (Info, error) {
	return ks.Make(Recipe{Chain: chainName, Testnet: testnet, Dice: []byte(dice)}, now)
}

// Make makes a mnemonic wallet. The caller saves.
func (ks *Keystore) Make(r Recipe, now time.Time) (info Info, err error) {
	id, err := NewSignatureID()
	if err != nil {
		return Info{}, err
	}
	memory.Do(func() {
		var entropy []byte
		switch dice := memory.Text(r.Dice); {
		case r.DiceAlone:
			entropy, err = hd.DiceAlone(dice)
		case r.Machine == nil:
			entropy, err = hd.Entropy(ks.random, dice)
		default:
			entropy, err = hd.Mix(r.Machine, dice)
		}
		if err != nil {
			return
		}
		defer clear(entropy)
		var m *hd.Mnemonic
		if m, err = hd.NewMnemonic(entropy); err != nil {
			return
		}
		defer m.Wipe()
		info, err = ks.add(entry{
			ID: id, Chain: r.Chain, Testnet: r.Testnet, Kind: mnemonic, Secret: m.Text(), Created: now.Unix(), Passphrase: bytes.Clone(r.Passphrase),
		})
	})
	return info, err
}

// normal says whether a passphrase of BIP-39 is in the form that is kept.
func normal(passphrase []byte) bool {
	p, err := hd.Passphrase(passphrase)
	defer clear(p)
	return err == nil && bytes.Equal(p, passphrase)
}

// Words gives the words of a mnemonic wallet, single spaces between them. They are the
// keystore's own memory.
func (ks *Keystore) Words(id bundle.SignatureID) ([]byte, error) {
	e, err := ks.entry(id)
	if err == nil && e.Kind != mnemonic {
		err = fault.New("key.single", "", "wallet %s has no words of BIP-39", id)
	}
	if err != nil {
		return nil, err
	}
	return e.Secret, nil
}

// MasterKey gives the public key of the master key (BIP-32), whose hash begins with
// the fingerprint. Without its chain code, which nobody is told, nothing derives from it.
func (p Public) MasterKey() (chain.PublicKey, error) {
	n, err := p.ks.node(p.e, nil)
	if err != nil {
		return chain.PublicKey{}, err
	}
	return n.Public().Key(), nil
}
