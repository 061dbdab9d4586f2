package main

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"coldsign/offline/internal/journal"
	"coldsign/offline/internal/keystore"
	"coldsign/offline/internal/memory"
	"coldsign/shared/bundle"
	"coldsign/shared/chain"
	"coldsign/shared/cli"
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
}

// manyWallets is after how many wallets what was derived is forgotten: locked memory
// is scarce.
const manyWallets = 1024

// describe tells a wallet. No key of the keystore may be held meanwhile.
func (s *session) describe(info keystore.Info) (walletJSON, error) {
	if s.described++; s.described%manyWallets == 0 {
		s.ks.Forget()
	}
	w := walletJSON{SignatureID: info.ID.String(), Chain: info.Chain, Testnet: info.Testnet, Kind: "key"}
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
	if a.opt.dice && n > 1 {
		return cli.Usagef("--dice makes one wallet at a time")
	}
	name, err := a.chainName()
	if err != nil {
		return err
	}
	return a.with(func(s *session) error {
		if err := s.noSwap(!a.opt.testnet); err != nil {
			return err
		}
		var dice string
		if a.opt.dice {
			defer s.con.Wipe()
			typed, err := s.con.SecretInput("dice rolls, digits 1 to 6: ")
			if err != nil {
				return err
			}
			dice = memory.Text(slices.DeleteFunc(typed, func(c byte) bool { return bytes.IndexByte([]byte(" \t\r\n"), c) >= 0 }))
		}
		ws := make([]walletJSON, n)
		for i := range ws {
			info, err := s.ks.NewWallet(name, a.opt.testnet, dice, s.now())
			if err == nil {
				ws[i], err = s.describe(info)
			}
			if err != nil {
				return err
			}
		}
		if err := s.added("new", ws); err != nil {
			return err
		}
		return s.tell(ws, a.opt.count == notGiven)
	})
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
	return a.importTyped()
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
		info, err := s.ks.Import(id, name, a.opt.testnet, text, s.now())
		if err != nil {
			return err
		}
		w, err := s.describe(info)
		if err != nil {
			return err
		}
		return s.imported(w)
	})
}

// imported keeps one wallet and tells it.
func (s *session) imported(w walletJSON) error {
	ws := []walletJSON{w}
	if err := s.added("import", ws); err != nil {
		return err
	}
	return s.tell(ws, true)
}

// added makes new wallets durable and records them.
func (s *session) added(verb string, ws []walletJSON) error {
	if err := s.noSwap(false); err != nil {
		return err
	}
	if err := s.ks.Save(); err != nil {
		return err
	}
	var ids strings.Builder
	for _, w := range ws {
		ids.WriteString(" " + w.SignatureID)
	}
	_, err := s.record(journal.Entry{Kind: journal.Wallet, Text: verb + ids.String()})
	return err
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
