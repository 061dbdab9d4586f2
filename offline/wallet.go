package main

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"io"
	"strconv"
	"strings"

	"coldsign/offline/internal/ceremony"
	"coldsign/offline/internal/journal"
	"coldsign/offline/internal/keystore"
	"coldsign/offline/internal/memory"
	"coldsign/shared/bundle"
	"coldsign/shared/chain"
	"coldsign/shared/cli"
	"coldsign/shared/durable"
	"coldsign/shared/fault"
)

// maxCount bounds wallets made in one call.
const maxCount = 25_000

// say prints a document or formatted text.
func (a *app) say(v any, format string, args ...any) error {
	return a.print(v, func(w io.Writer) error {
		_, err := fmt.Fprintf(w, format, args...)
		return err
	})
}

// walletJSON is how a wallet is told.
type walletJSON struct {
	SignatureID string `json:"signatureId"`
	Chain       string `json:"chain"`
	Testnet     bool   `json:"testnet"`
	Kind        string `json:"kind"` // "mnemonic" or "key"
	XPub        string `json:"xpub,omitempty"`
	Path        string `json:"path,omitempty"` // of the xpub, or of the address
	Address     string `json:"address"`
	PublicKey   string `json:"publicKey"`
	Note        string `json:"note,omitempty"`

	Passphrase  bool   `json:"bip39Passphrase,omitempty"`
	Fingerprint string `json:"fingerprint,omitempty"` // of the master key, where people compare it
	Transcript  string `json:"transcript,omitempty"`  // SHA-256 of the file
}

// manyWallets is after how many wallets what was derived is forgotten: locked memory
// is scarce.
const manyWallets = 1024

// describe tells a wallet. No key of the keystore may be held meanwhile.
func (s *session) describe(info keystore.Info) (walletJSON, error) {
	if s.described++; s.described%manyWallets == 0 {
		s.ks.Forget()
	}
	w := walletJSON{SignatureID: info.ID.String(), Chain: info.Chain, Testnet: info.Testnet, Kind: "key", Passphrase: info.Passphrase}
	path, err := s.ks.Path(info.ID, 0)
	if err != nil {
		return w, err
	}
	k, err := s.ks.Key(info.ID, path)
	if err != nil {
		return w, err
	}
	ch, n, err := s.networkOf(info, "")
	if err != nil {
		return w, err
	}
	w.Address, w.PublicKey = ch.Wallet.Addresses(n.ID, k.Public(), info.Mnemonic)[0], k.Public().String()
	if info.Mnemonic {
		w.Kind = "mnemonic"
		if w.XPub, err = s.ks.XPub(info.ID); err != nil {
			return w, err
		}
		w.Path = chain.PathString(path)
		if w.XPub != "" {
			w.Path = chain.PathString(path[:len(path)-1])
		}
	}
	return w, nil
}

func (w walletJSON) line() string {
	net := "mainnet"
	if w.Testnet {
		net = "testnet"
	}
	s := fmt.Sprintf("%s  %-4s %s  %-8s  %s", w.SignatureID, w.Chain, net, w.Kind, w.Address)
	if w.XPub != "" {
		s += "  " + w.XPub
	}
	if w.Fingerprint != "" {
		s += "  fingerprint " + w.Fingerprint
	}
	return s
}

func (s *session) tell(ws []walletJSON, single bool) error {
	var v any = ws
	if single {
		v = ws[0]
	}
	return s.print(v, func(out io.Writer) error {
		for _, w := range ws {
			if _, err := fmt.Fprintln(out, w.line()); err != nil {
				return err
			}
			if w.Note != "" {
				fmt.Fprintf(s.con.Err, "note: %s: %s\n", w.SignatureID, w.Note)
			}
		}
		return nil
	})
}

func (a *app) walletNew() error {
	n := a.opt.count
	if n == notGiven {
		n = 1
	}
	if n < 1 || n > maxCount {
		return cli.Usagef("--count takes 1 to %d", maxCount)
	}
	name, err := a.chainName()
	if err == nil {
		err = a.ceremonious(n)
	}
	if err != nil {
		return err
	}
	return a.with(func(s *session) error {
		if err := s.noSwap(!a.opt.testnet); err != nil {
			return err
		}
		if a.opt.transcript != "" {
			if err := durable.Writable(a.opt.transcript); err != nil {
				return err
			}
		}
		ws, t := make([]walletJSON, n), ceremony.Transcript{How: ceremony.System, Words: ceremony.Unseen}
		if n == 1 && (!a.opt.plain() || a.opt.transcript != "") {
			ws[0], t, err = s.found(name)
		} else {
			err = s.many(ws, name)
		}
		if err != nil {
			return err
		}
		// A wallet of a ceremony is kept once its transcript is on the disk.
		var digest []byte
		if a.opt.transcript != "" {
			if digest, err = s.testify(t, ws); err != nil {
				return err
			}
			ws[0].Transcript = hex.EncodeToString(digest)
		}
		if err := s.added("new"+how(t), ws, digest); err != nil {
			return err
		}
		return s.tell(ws, a.opt.count == notGiven)
	})
}

// many makes wallets from the machine's randomness alone.
func (s *session) many(ws []walletJSON, name string) error {
	for i := range ws {
		info, err := s.ks.NewWallet(name, s.opt.testnet, "", s.now())
		if err == nil {
			ws[i], err = s.describe(info)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// how is what the journal says of how a key came, beyond the machine's randomness.
func how(t ceremony.Transcript) (words string) {
	if t.How != ceremony.System {
		words += " " + t.How
	}
	if t.Words != ceremony.Unseen {
		words += " words-" + t.Words
	}
	if t.Passphrase {
		words += " bip39-passphrase"
	}
	return words
}

func (a *app) walletImport() error {
	foreign, err := a.opt.foreignFile()
	if err != nil {
		return err
	}
	switch foreign {
	case "tatum":
		return a.importTatum()
	case "keystore", "keypair":
		return a.importFile()
	}
	if len(a.opt.fingerprint) != 0 && !isFingerprint(a.opt.fingerprint) {
		return cli.Usagef("--fingerprint takes eight hex digits")
	}
	if !a.con.Terminal() && (a.opt.bip39 || a.opt.extra() && a.opt.fingerprint == "") {
		return fault.New("console.terminal", "give --bip39-passphrase-file FILE and --fingerprint HEX", "there is no terminal to ask for the passphrase and to show the fingerprint on")
	}
	return a.importTyped()
}

func isFingerprint(text string) bool {
	b, err := hex.DecodeString(text)
	return err == nil && len(b) == 4
}

// target is where an imported key goes: its chain and its signature id.
func (a *app) target() (name string, id bundle.SignatureID, err error) {
	if name, err = a.chainName(); err != nil {
		return name, id, err
	}
	if a.opt.id != "" {
		id, err = bundle.ParseSignatureID(a.opt.id)
	} else {
		id, err = keystore.NewSignatureID()
	}
	return name, id, err
}

func (a *app) importTyped() error {
	name, id, err := a.target()
	if err != nil {
		return err
	}
	return a.with(func(s *session) error {
		if err := s.noSwap(!a.opt.testnet); err != nil {
			return err
		}
		defer s.con.Wipe()
		text, err := s.con.SecretInput("mnemonic or private key: ")
		if err != nil {
			return err
		}
		if len(bytes.TrimSpace(text)) == 0 {
			return fault.New("wallet.empty", "type it, or give it on standard input", "no mnemonic or private key was given")
		}
		info, err := s.importWords(id, name, text)
		if err != nil {
			return err
		}
		w, err := s.describe(info)
		if err == nil && (a.opt.fingerprint != "" || a.opt.extra()) {
			w.Fingerprint, err = s.agreed(info)
		}
		if err != nil {
			return err
		}
		return s.imported(w)
	})
}

// importWords imports what was typed, with a passphrase of BIP-39 where there is one.
func (s *session) importWords(id bundle.SignatureID, name string, text []byte) (keystore.Info, error) {
	if !s.opt.extra() {
		return s.ks.Import(id, name, s.opt.testnet, text, s.now())
	}
	mem, err := memory.NewArena()
	if err != nil {
		return keystore.Info{}, err
	}
	defer mem.Close()
	p, err := s.bip39(mem)
	if err != nil {
		return keystore.Info{}, err
	}
	return s.ks.ImportWith(p, id, name, s.opt.testnet, text, s.now())
}

// imported keeps one wallet and tells it.
func (s *session) imported(w walletJSON) error {
	ws := []walletJSON{w}
	if err := s.added("import"+how(ceremony.Transcript{How: ceremony.System, Words: ceremony.Unseen, Passphrase: w.Passphrase}), ws, nil); err != nil {
		return err
	}
	return s.tell(ws, true)
}

// added records new wallets, with the SHA-256 of their transcript if there is one, and
// makes them durable. The journal comes first, as with everything: a crash between the
// two leaves a name without a key, never a key that the journal does not know.
func (s *session) added(verb string, ws []walletJSON, transcript []byte) error {
	if err := s.noSwap(false); err != nil {
		return err
	}
	var ids strings.Builder
	for _, w := range ws {
		ids.WriteString(" " + w.SignatureID)
	}
	if _, err := s.record(journal.Entry{Kind: journal.Wallet, Text: verb + ids.String(), Data: transcript}); err != nil {
		return err
	}
	return s.ks.Save()
}

func (a *app) chainName() (string, error) {
	if a.opt.chain == "" {
		return "", cli.Usagef("give --chain, e.g. --chain BTC")
	}
	ch, ok := a.chain.ByName(strings.ToUpper(a.opt.chain))
	if !ok {
		return "", fault.New("chain.unknown", "see \"coldsign-offline version\" for the chains", "chain %q is unknown", a.opt.chain)
	}
	return ch.Name, nil
}

func (a *app) walletList() error {
	return a.with(func(s *session) error {
		ws := []walletJSON{}
		for _, info := range s.ks.List() {
			w, err := s.describe(info)
			if err != nil {
				return err
			}
			ws = append(ws, w)
		}
		return s.tell(ws, false)
	})
}

func (a *app) walletRemove() error {
	id, err := bundle.ParseSignatureID(a.args[0])
	if err != nil {
		return err
	}
	return a.with(func(s *session) error {
		if _, err := s.ks.Find(id); err != nil {
			return err
		}
		if s.con.Terminal() {
			typed, err := s.con.Ask("the key is gone for ever after this; type the signature id to remove it: ")
			if err != nil {
				return err
			}
			if typed != id.String() {
				return fault.New("wallet.kept", "", "nothing was removed")
			}
		}
		if err := s.ks.Remove(id); err != nil {
			return err
		}
		if _, err := s.record(journal.Entry{Kind: journal.Wallet, Text: "remove " + id.String()}); err != nil {
			return err
		}
		if err := s.ks.Save(); err != nil {
			return err
		}
		return s.say(map[string]any{"signatureId": id.String(), "removed": true}, "removed %s\n", id)
	})
}

func (a *app) address() error {
	id, err := bundle.ParseSignatureID(a.args[0])
	if err != nil {
		return err
	}
	var index uint64
	if len(a.args) == 2 {
		if index, err = strconv.ParseUint(a.args[1], 10, 31); err != nil {
			return cli.Usagef("INDEX is a number from 0 to 2147483647")
		}
	}
	return a.with(func(s *session) error {
		info, err := s.ks.Find(id)
		if err != nil {
			return err
		}
		path, err := s.ks.Path(id, uint32(index))
		if err != nil {
			return err
		}
		k, err := s.ks.Key(id, path)
		if err != nil {
			return err
		}
		ch, n, err := s.networkOf(info, a.opt.network)
		if err != nil {
			return err
		}
		all := ch.Wallet.Addresses(n.ID, k.Public(), info.Mnemonic)
		return s.say(map[string]any{
			"signatureId": id.String(), "index": index, "network": n.ID, "address": all[0], "addresses": all,
			"path": chain.PathString(path), "publicKey": k.Public().String(),
		}, "%s\n", all[0])
	})
}
