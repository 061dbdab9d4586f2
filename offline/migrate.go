package main

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/btcsuite/btcd/address/v2/base58"

	"coldsign/offline/internal/keystore"
	"coldsign/offline/internal/memory"
	"coldsign/offline/internal/migrate"
	"coldsign/shared/bundle"
	"coldsign/shared/cli"
	"coldsign/shared/durable"
	"coldsign/shared/fault"
	"coldsign/shared/quote"
)

// importOptions name files of other tools.
type importOptions struct {
	tatum, tatumPass, geth, keypair string
	partial                         bool
}

// foreignFile tells which of the files is given, "" for none.
func (o *options) foreignFile() (which string, err error) {
	for _, f := range []struct{ flag, file, chain string }{{"tatum", o.tatum, ""}, {"keystore", o.geth, "ETH"}, {"keypair", o.keypair, "SOL"}} {
		if f.file == "" {
			continue
		}
		if which != "" {
			return "", cli.Usagef("--%s and --%s are given: import one file at a time", which, f.flag)
		}
		if which = f.flag; o.chain == "" {
			o.chain = f.chain
		}
	}
	switch {
	case which == "tatum" && (o.chain != "" || o.id != "" || o.testnet):
		return "", cli.Usagef("a wallet.dat says itself of which chains and ids its wallets are: leave --chain, --testnet and --id away")
	case which != "" && (o.extra() || o.fingerprint != ""):
		return "", cli.Usagef("--fingerprint and a passphrase of BIP-39 go with words that are typed")
	case which != "tatum" && o.tatumPass != "":
		return "", cli.Usagef("--tatum-passphrase-file goes with --tatum")
	}
	return which, nil
}

// importFile imports one key of a geth keystore or a Solana keypair.
func (a *app) importFile() error {
	name, id, err := a.target()
	if err != nil {
		return err
	}
	return a.with(func(s *session) error {
		if err := s.noSwap(!s.opt.testnet); err != nil {
			return err
		}
		defer s.con.Wipe()
		var w walletJSON
		take := func(e migrate.Entry) (err error) {
			e.Chain, e.Testnet = name, a.opt.testnet
			w, err = s.try(id, keystore.PrivateKey, e.Key, e)
			if s.opt.geth != "" && e.Address == "" {
				w.Note = "the keystore names no address, so nobody can tell whether it was changed: compare this one with your own record"
			}
			return err
		}
		read := func(file []byte) error { return migrate.Solana(file, take) }
		if s.opt.geth != "" {
			pass, err := s.passphraseOf("keystore", "")
			if err != nil {
				return err
			}
			read = func(file []byte) error { return migrate.Geth(file, pass, take) }
		}
		if err := erasing(s.opt.geth+s.opt.keypair, migrate.MaxFile, read); err != nil {
			return err
		}
		return s.imported(w)
	})
}

// erasing reads a file of another tool and erases what it holds.
func erasing(name string, limit int64, read func(file []byte) error) (err error) {
	memory.Do(func() {
		var file []byte
		if file, err = durable.Read(name, limit); err == nil {
			err = read(file)
		}
	})
	return err
}

// passphraseOf asks for the passphrase of another tool's file.
func (s *session) passphraseOf(what, file string) ([]byte, error) {
	if file != "" {
		return s.con.Passphrase("", file, false)
	}
	p, err := s.con.SecretInput("passphrase of the " + what + ": ")
	return bytes.TrimRight(p, "\r\n"), err
}

// skipped is a wallet that was not imported.
type skipped struct {
	SignatureID string `json:"signatureId"`
	Chain       string `json:"chain"`
	Reason      string `json:"reason"` // a code; "wallet.present": it is here already
	Detail      string `json:"detail"`
}

// moved is what became of the wallets of tatum-kms.
type moved struct {
	Imported []walletJSON `json:"imported"`
	Skipped  []skipped    `json:"skipped"`
}

func (a *app) importTatum() error {
	return a.with(func(s *session) error {
		defer s.con.Wipe()
		pass, err := s.passphraseOf("wallet.dat", s.opt.tatumPass)
		if err != nil {
			return err
		}
		all := moved{[]walletJSON{}, []skipped{}}
		err = erasing(s.opt.tatum, migrate.MaxTatum, func(file []byte) error {
			return migrate.Tatum(file, pass, func(e migrate.Entry) error { return s.move(&all, e) })
		})
		if err == nil && len(all.Imported) > 0 {
			err = s.added("import tatum", all.Imported, nil)
		} else if err == nil && !slices.ContainsFunc(all.Skipped, func(k skipped) bool { return k.Reason == present }) {
			err = nothing(all.Skipped)
		}
		if err != nil {
			return err
		}
		if err := s.tellMoved(all); err != nil {
			return err
		}
		return s.left(all.Skipped)
	})
}

// left is an error for the wallets that stayed behind though their chain is one of
// ours, unless --partial says that this is known. Those of other chains are told.
func (s *session) left(all []skipped) error {
	all = slices.DeleteFunc(all, func(k skipped) bool {
		_, ours := s.chain.ByName(k.Chain)
		return k.Reason == present || !ours
	})
	if len(all) == 0 || s.opt.partial {
		return nil
	}
	return fault.New("wallet.partial", "keep wallet.dat and see the list; --partial says that it is known", "%d wallet(s) were not imported; the first, %s: %s", len(all), quote.String(all[0].SignatureID), all[0].Detail)
}

func nothing(all []skipped) error {
	if len(all) == 0 {
		return fault.New("wallet.none", "give another wallet.dat", "the wallet.dat is empty")
	}
	return fault.New("wallet.none", "", "none of %d wallet(s) could be imported; the first, %s: %s", len(all), quote.String(all[0].SignatureID), all[0].Detail)
}

// present is the reason of a wallet that is here already, with the same secret.
const present = "wallet.present"

// move imports one wallet, or notes why not. What stops it all is a lack of room, and
// an id that is here with another secret.
func (s *session) move(all *moved, e migrate.Entry) error {
	ws, err := s.take(e)
	switch fault.Code(err) {
	case "wallet.exists", "keystore.full", "memory.lock", "entropy.source", "harden.swap":
		return err
	}
	if err != nil {
		what := "it cannot be read"
		if f, ok := errors.AsType[*fault.Error](err); ok {
			what = f.What
		}
		all.Skipped = append(all.Skipped, skipped{string(e.ID), e.Chain, fault.Code(err), what})
		return nil
	}
	all.Imported = append(all.Imported, ws...)
	return nil
}

// take imports a wallet under its own id. One whose id is taken is imported beside it
// and compared.
func (s *session) take(e migrate.Entry) ([]walletJSON, error) {
	id, err := bundle.ParseSignatureID(string(e.ID))
	_, known := s.chain.ByName(e.Chain)
	switch {
	case e.Err != nil:
		return nil, e.Err
	case err != nil:
		return nil, fault.New("signatureid.format", "", "its id is no UUID")
	case len(e.Words)+len(e.Key) == 0:
		return nil, fault.New("wallet.empty", "", "it holds neither mnemonic nor private key")
	case !known && migrate.WrongAddress(e.Chain):
		return nil, fault.New("wallet.wrong-address", "", "tatum-kms printed a wrong address for %s, which anyone can spend from: move what it holds, and keep the words", e.Chain)
	}
	if !e.Testnet {
		if err := s.noSwap(true); err != nil {
			return nil, err
		}
	}
	old, err := s.ks.Find(id)
	if err != nil {
		return s.settle(id, e)
	}
	beside, err := keystore.NewSignatureID()
	if err != nil {
		return nil, err
	}
	ws, err := s.settle(beside, e)
	if err != nil {
		return nil, err
	}
	for i := range ws {
		if err := s.ks.Remove([]bundle.SignatureID{beside, wordsID(beside)}[i]); err != nil {
			return nil, err
		}
	}
	was, err := s.describe(old)
	if err != nil {
		return nil, err
	}
	if w := ws[0]; was.Chain != w.Chain || was.Testnet != w.Testnet || was.PublicKey != w.PublicKey {
		return nil, fault.New("wallet.exists", "nothing was imported; remove one of the two, or use another --home", "signature id %s is here with another key", id)
	}
	if _, err := s.ks.Find(wordsID(id)); err != nil && len(ws) == 2 {
		w, err := s.otherWords(id, e)
		return []walletJSON{w}, err
	}
	return nil, fault.New(present, "", "it is here already")
}

// settle imports what tatum-kms signed with: the private key where there is one. A
// mnemonic beside it is taken in its place if it gives that very key, and is else kept
// as a wallet of its own.
func (s *session) settle(id bundle.SignatureID, e migrate.Entry) ([]walletJSON, error) {
	if len(e.Key) == 0 {
		w, err := s.try(id, keystore.Words, e.Words, e)
		return []walletJSON{w}, err
	}
	key, err := s.try(id, keystore.PrivateKey, e.Key, e)
	if err != nil || len(e.Words) == 0 {
		return []walletJSON{key}, err
	}
	if err := s.ks.Remove(id); err != nil {
		return nil, err
	}
	both, err := s.try(id, keystore.Words, e.Words, e)
	if err == nil && both.PublicKey == key.PublicKey {
		return []walletJSON{both}, nil
	}
	if err == nil {
		if err := s.ks.Remove(id); err != nil {
			return nil, err
		}
	}
	other, err := s.otherWords(id, e)
	if err != nil {
		return nil, err
	}
	key, err = s.try(id, keystore.PrivateKey, e.Key, e)
	key.Note = "its mnemonic does not give the private key that tatum-kms signed with, and is kept beside it as wallet " + other.SignatureID
	return []walletJSON{key, other}, err
}

// otherWords imports the mnemonic of a wallet that has another private key.
func (s *session) otherWords(id bundle.SignatureID, e migrate.Entry) (walletJSON, error) {
	e.XPub, e.Address = "", "" // they may be of the key
	w, err := s.try(wordsID(id), keystore.Words, e.Words, e)
	w.Note = "of the mnemonic beside the private key of wallet " + id.String()
	return w, err
}

// wordsID is the id of the mnemonic beside a key (UUID version 8): the same at every
// import.
func wordsID(id bundle.SignatureID) bundle.SignatureID {
	sum := sha256.Sum256(append([]byte("coldsign mnemonic beside the key of "), id[:]...))
	w := bundle.SignatureID(sum[:16])
	w[6], w[8] = w[6]&0x0f|0x80, w[8]&0x3f|0x80
	return w
}

// try imports one form of a wallet's secret if that gives what the file says of it
// (wallet.mismatch).
func (s *session) try(id bundle.SignatureID, form keystore.Form, secret []byte, e migrate.Entry) (w walletJSON, err error) {
	info, err := s.ks.ImportAs(form, id, e.Chain, e.Testnet, secret, s.now())
	if err != nil {
		return w, err
	}
	if w, err = s.describe(info); err == nil {
		err = s.claims(&w, info, e)
	}
	if err != nil {
		_ = s.ks.Remove(id) // it was added just now
	}
	return w, err
}

// claims compares what a file says of a wallet with what its key gives.
func (s *session) claims(w *walletJSON, info keystore.Info, e migrate.Entry) error {
	if e.XPub != "" && w.XPub != "" && !sameXPub(e.XPub, w.XPub) {
		return fault.New("wallet.mismatch", "", "its xpub is %s, but its secret gives %s", quote.String(e.XPub), w.XPub)
	}
	ok := e.Address == "" || sameAddress(e.Address, w.Address)
	if !ok {
		path, err := s.ks.Path(info.ID, 0)
		if err != nil {
			return err
		}
		k, err := s.ks.Key(info.ID, path)
		if err != nil {
			return err
		}
		ch, _ := s.chain.ByName(info.Chain)
		for _, n := range ch.Networks {
			if n.Testnet == info.Testnet {
				ok = ok || slices.ContainsFunc(ch.Wallet.Addresses(n.ID, k.Public(), info.Mnemonic), func(a string) bool { return sameAddress(e.Address, a) })
			}
		}
	}
	if migrate.WrongAddress(info.Chain) { // should its chain be known one day
		w.Note = "tatum-kms printed a wrong address for this chain, which anyone can spend from; use this one: " + w.Address
	} else if !ok {
		return fault.New("wallet.mismatch", "", "its address is %s, but its secret gives %s", quote.String(e.Address), w.Address)
	}
	return nil
}

// sameXPub compares extended keys, whatever letters a chain lets them begin with:
// Ltub, xpub.
func sameXPub(a, b string) bool {
	const length, version, sum = 82, 4, 4
	x, y := base58.Decode(a), base58.Decode(b)
	if len(x) != length || len(y) != length {
		return a == b
	}
	return bytes.Equal(x[version:length-sum], y[version:length-sum])
}

// sameAddress compares addresses in any case, and those of EVM networks whatever they
// begin with.
func sameAddress(a, b string) bool {
	bare := func(s string) string {
		s = strings.ToLower(s)
		return strings.TrimPrefix(strings.TrimPrefix(s, "0x"), "xdc")
	}
	return bare(a) == bare(b)
}

// tellMoved prints what was imported; what was not, and what is to be known, goes
// beside it.
func (s *session) tellMoved(all moved) error {
	if s.opt.json {
		return s.print(all, nil)
	}
	if err := s.tell(all.Imported, false); err != nil {
		return err
	}
	for _, k := range all.Skipped {
		fmt.Fprintf(s.con.Err, "not imported: %s %s: %s\n", quote.Line(k.SignatureID), quote.Line(k.Chain), quote.Line(k.Detail))
	}
	_, err := fmt.Fprintf(s.con.Err, "%d wallet(s) imported, %d not\n", len(all.Imported), len(all.Skipped))
	return err
}
