package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"strings"

	"coldsign/offline/internal/dialect"
	"coldsign/offline/internal/journal"
	"coldsign/offline/internal/keystore"
	"coldsign/offline/internal/multisig"
	"coldsign/shared/bundle"
	"coldsign/shared/chain"
	"coldsign/shared/chain/bitcoin/descriptor"
	"coldsign/shared/cli"
	"coldsign/shared/fault"
	"coldsign/shared/frame/link"
)

// multisigOptions are the flags about multisig wallets.
type multisigOptions struct {
	name    string
	account int
	nested  bool
}

func multisigCommands() []cli.Command[*app] {
	return []cli.Command[*app]{
		{Name: "multisig key", Flags: everywhere("account", "nested"), Min: 1, Max: 1, Do: (*app).multisigKey},
		{Name: "multisig check", Flags: everywhere(link.InFlags("network")...), Max: 1, Do: (*app).multisigCheck},
		{Name: "multisig enrol", Flags: everywhere(link.InFlags("name", "approval", "network")...), Max: 1, Do: (*app).multisigEnrol},
		{Name: "multisig list", Flags: everywhere("network"), Do: (*app).multisigList},
		{Name: "multisig show", Flags: everywhere("network"), Min: 1, Max: 1, Do: (*app).multisigShow},
		{Name: "multisig remove", Flags: everywhere(), Min: 1, Max: 1, Do: (*app).multisigRemove},
	}
}

// cosignerJSON is a key of a multisig wallet.
type cosignerJSON struct {
	Fingerprint string `json:"fingerprint"`
	Path        string `json:"path"`
	XPub        string `json:"xpub"`
	SignatureID string `json:"signatureId,omitempty"` // of our wallet that has it
}

// multisigJSON is how a multisig wallet is told.
type multisigJSON struct {
	Name       string         `json:"name,omitempty"`
	ID         string         `json:"id"`
	Threshold  int            `json:"threshold"`
	Keys       int            `json:"keys"`
	Testnet    bool           `json:"testnet"`
	Cosigners  []cosignerJSON `json:"cosigners"`
	Network    chain.ID       `json:"network"` // of the addresses
	Receive    []string       `json:"receive"`
	Change     []string       `json:"change"`
	Descriptor string         `json:"descriptor"`
	Warnings   []string       `json:"warnings"`
	Digest     string         `json:"digest,omitempty"` // of the file
}

// firstAddresses is how many addresses of each chain are told, to compare.
const firstAddresses = 3

// aboutMultisig tells a wallet, and what a person should know of it beside others.
func (s *session) aboutMultisig(w multisig.Wallet, e *multisig.Enrolled) (multisigJSON, error) {
	d := multisigJSON{Name: w.Name, ID: w.ID.String(), Threshold: w.Threshold, Keys: len(w.Keys), Testnet: w.Testnet(), Descriptor: w.String(), Warnings: []string{}}
	n, err := s.networkFor("BTC", w.Testnet())
	if err != nil {
		return d, err
	}
	d.Network = n.ID
	for i, k := range w.Keys {
		c := cosignerJSON{Fingerprint: hex.EncodeToString(k.Fingerprint[:]), Path: chain.PathString(k.Origin), XPub: k.XPub.String()}
		for _, o := range w.Own {
			if o.Place == uint(i) {
				c.SignatureID = o.Wallet.String()
			}
		}
		if len(k.Origin) < 4 && c.SignatureID != "" {
			d.Warnings = append(d.Warnings, "our key is that of a wallet for one person too: let \"multisig key ID\" print one for this")
		}
		d.Cosigners = append(d.Cosigners, c)
	}
	for i := range uint32(firstAddresses) {
		r, err := w.Address(n.ID, descriptor.Receive, i)
		if err != nil {
			return d, err
		}
		c, err := w.Address(n.ID, descriptor.Change, i)
		if err != nil {
			return d, err
		}
		d.Receive, d.Change = append(d.Receive, r), append(d.Change, c)
	}
	if w.Threshold == 1 {
		d.Warnings = append(d.Warnings, "any one of the keys alone can spend everything")
	}
	if len(w.Own) >= w.Threshold && w.Threshold > 1 || len(w.Own) > 1 {
		d.Warnings = append(d.Warnings, fmt.Sprintf("%d of its keys are in this one keystore: they count as one", len(w.Own)))
	}
	for _, o := range e.List() {
		if o.ID != w.ID && o.SameKeys(w.Wallet) {
			d.Warnings = append(d.Warnings, fmt.Sprintf("the same keys are enrolled as %s, where %d must sign", o.Name, o.Threshold))
		}
	}
	return d, nil
}

// lines tell a wallet in plain English.
func (d multisigJSON) lines() (list []string) {
	say := func(format string, args ...any) { list = append(list, fmt.Sprintf(format, args...)) }
	name := "a multisig wallet"
	if d.Name != "" {
		name = "multisig wallet " + d.Name
	}
	net := "main network"
	if d.Testnet {
		net = "test networks"
	}
	say("%s, Bitcoin %s: any %d of %d keys must sign to spend", name, net, d.Threshold, d.Keys)
	for _, w := range d.Warnings {
		say("WARNING: %s", w)
	}
	for i, c := range d.Cosigners {
		whose := "another's"
		if c.SignatureID != "" {
			whose = "OURS, wallet " + c.SignatureID
		}
		say("key %d  %s", i+1, whose)
		say("  fingerprint %s, path %s", c.Fingerprint, c.Path)
		say("  %s", c.XPub)
	}
	for i := range d.Receive {
		say("receive %d  %s", i, d.Receive[i])
	}
	for i := range d.Change {
		say("change %d   %s", i, d.Change[i])
	}
	say("descriptor %s", d.Descriptor)
	say("policies name it %s", d.ID)
	return list
}

func (s *session) sayMultisig(d multisigJSON, last string) error {
	return s.print(d, func(w io.Writer) error {
		_, err := fmt.Fprintf(w, "%s\n%s", strings.Join(d.lines(), "\n"), last)
		return err
	})
}

// withMultisig reads the wallet that the command line names and runs f with it; raw are
// the bytes that operators sign.
func (a *app) withMultisig(f func(s *session, l *law, w multisig.Wallet, raw []byte) error) error {
	known := func(s *session, w multisig.Wallet, raw []byte) error {
		l, err := s.law()
		if err != nil {
			return err
		}
		return f(s, l, w, raw)
	}
	operand := a.operand()
	if err := a.opt.MustReceive(operand); err != nil {
		return err
	}
	if operand != "" {
		return a.with(func(s *session) error {
			raw, _, err := a.readDocument(operand, descriptor.MaxFile)
			if err != nil {
				return err
			}
			w, err := multisig.Read(raw, s.ks)
			if err != nil {
				return err
			}
			return known(s, w, raw)
		})
	}
	if err := a.guard(); err != nil {
		return err
	}
	m, err := a.opt.Receive(context.Background(), a.streams(), "", dialect.IsOutput)
	if err != nil {
		return err
	}
	text, err := dialect.Descriptor(m)
	if err != nil {
		return err
	}
	return a.with(func(s *session) error {
		w, err := multisig.Read([]byte(text), s.ks)
		if err != nil {
			return err
		}
		return known(s, w, []byte(w.String()+"\n"))
	})
}

// multisigCheck says what a wallet is; nothing is kept.
func (a *app) multisigCheck() error {
	return a.withMultisig(func(s *session, l *law, w multisig.Wallet, raw []byte) error {
		d, err := s.aboutMultisig(w, l.multisigs)
		if err != nil {
			return err
		}
		d.Digest = sumOf(raw)
		return s.sayMultisig(d, "nothing is kept: compare the keys with what each cosigner's own screen shows, then enrol it\n")
	})
}

// multisigEnrol keeps a wallet, if those agree whom the policy in force asks. The
// journal comes first.
func (a *app) multisigEnrol() error {
	if a.opt.name == "" {
		return cli.Usagef("give --name NAME")
	}
	return a.withMultisig(func(s *session, l *law, w multisig.Wallet, raw []byte) error {
		if err := l.multisigs.Free(w, a.opt.name); err != nil {
			return err
		}
		if err := s.neverOther(w, a.opt.name); err != nil {
			return err
		}
		approved, err := s.changeable(raw)
		if err != nil {
			return err
		}
		w.Name = a.opt.name
		d, err := s.aboutMultisig(w, l.multisigs)
		if err != nil {
			return err
		}
		d.Digest = sumOf(raw)
		if err := s.ks.AddMultisig(keystore.Multisig{Name: w.Name, Descriptor: w.String(), Own: w.Own, Created: s.now().Unix()}); err != nil {
			return err
		}
		if _, err := s.record(journal.Entry{Kind: journal.Wallet, Text: enrolled + w.Name, Data: w.ID[:], Approved: approved}); err != nil {
			return err
		}
		if err := s.ks.Save(); err != nil {
			return err
		}
		return s.sayMultisig(d, "enrolled as "+w.Name+"\n")
	})
}

// enrolled begins the text of the entry of an enrolment; the wallet's id is its data.
const enrolled = "multisig enrol "

// neverOther refuses a name that was another wallet's: who knows it would take the one
// for the other.
func (s *session) neverOther(w multisig.Wallet, name string) error {
	for _, e := range s.j.Entries() {
		if e.Kind == journal.Wallet && strings.EqualFold(e.Text, enrolled+name) && string(e.Data) != string(w.ID[:]) {
			return fault.New("multisig.name", "give another --name", "another multisig wallet was called that before")
		}
	}
	return nil
}

// multisigList tells all wallets that are enrolled, a line each.
func (a *app) multisigList() error {
	return a.withLaw(func(s *session, l *law) error {
		list := []multisigJSON{}
		for _, w := range l.multisigs.List() {
			d, err := s.aboutMultisig(w, l.multisigs)
			if err != nil {
				return err
			}
			list = append(list, d)
		}
		return s.print(list, func(w io.Writer) error {
			for _, d := range list {
				if _, err := fmt.Fprintf(w, "%s  %s  %d of %d  first address %s\n", d.Name, d.ID, d.Threshold, d.Keys, d.Receive[0]); err != nil {
					return err
				}
			}
			return nil
		})
	})
}

func (a *app) multisigShow() error {
	return a.withLaw(func(s *session, l *law) error {
		w, err := l.multisigs.Find(a.args[0])
		if err != nil {
			return err
		}
		d, err := s.aboutMultisig(w, l.multisigs)
		if err != nil {
			return err
		}
		return s.sayMultisig(d, "")
	})
}

// multisigRemove forgets a wallet: nothing of it is signed from then on. No key goes.
func (a *app) multisigRemove() error {
	return a.withLaw(func(s *session, l *law) error {
		w, err := l.multisigs.Find(a.args[0])
		if err != nil {
			return err
		}
		if err := s.ks.RemoveMultisig(w.Name); err != nil {
			return err
		}
		if _, err := s.record(journal.Entry{Kind: journal.Wallet, Text: "multisig remove " + w.Name, Data: w.ID[:]}); err != nil {
			return err
		}
		if err := s.ks.Save(); err != nil {
			return err
		}
		return s.say(map[string]any{"name": w.Name, "id": w.ID.String(), "removed": true}, "removed %s: nothing of it is signed any more; its keys stay\n", w.Name)
	})
}

// maxAccount bounds --account: coordinators ask for small ones.
const maxAccount = 1000

// multisigKey prints a wallet's key for multisig wallets as coordinators take it.
func (a *app) multisigKey() error {
	id, err := bundle.ParseSignatureID(a.args[0])
	if err != nil {
		return err
	}
	if a.opt.account < 0 || a.opt.account > maxAccount {
		return cli.Usagef("--account takes 0 to %d", maxAccount)
	}
	return a.with(func(s *session) error {
		info, err := s.ks.Find(id)
		if err != nil {
			return err
		}
		if info.Chain != "BTC" {
			return fault.New("multisig.chain", "", "wallet %s is of %s, and multisig wallets are of Bitcoin", id, info.Chain)
		}
		p, err := s.ks.Public(id)
		if err != nil {
			return err
		}
		fp, err := p.Master()
		if err != nil {
			return err
		}
		ch, _ := s.chain.ByName(info.Chain)
		const h = chain.Hardened
		path := []uint32{48 | h, ch.Wallet.Derivation().Account(info.Testnet)[1], uint32(a.opt.account) | h, 2 | h}
		if a.opt.nested {
			path[3] = 1 | h
		}
		account, err := p.Account(path)
		if err != nil {
			return err
		}
		if _, err := s.record(journal.Entry{Kind: journal.Wallet, Text: "multisig key " + id.String()}); err != nil {
			return err
		}
		xpub := account.Encode(info.Testnet)
		text := "[" + descriptor.OriginString(fp, path) + "]" + xpub
		return s.say(map[string]any{"key": text, "fingerprint": hex.EncodeToString(fp[:]), "path": chain.PathString(path), "xpub": xpub}, "%s\n", text)
	})
}

// sumOf is the SHA-256 of a file: what its approvals are of.
func sumOf(raw []byte) string {
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:])
}
