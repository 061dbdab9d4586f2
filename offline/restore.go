package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"coldsign/offline/internal/journal"
	"coldsign/offline/internal/keystore"
	"coldsign/offline/internal/memory"
	"coldsign/offline/internal/policy"
	"coldsign/shared/bundle"
	"coldsign/shared/fault"
	"coldsign/shared/frame"
	"coldsign/shared/quote"
)

// firstWallets is how many wallets of a restored home are told, to be compared.
const firstWallets = 3

// backupVerify opens a backup and says what is in it: the drill before the day. It
// needs no home, and writes nothing.
func (a *app) backupVerify() error {
	if err := a.opt.MustReceive(a.operand()); err != nil {
		return err
	}
	if err := a.guard(); err != nil {
		return err
	}
	if err := a.powerOn(); err != nil {
		return err
	}
	sealed, err := a.readBackup()
	if err != nil {
		return err
	}
	s, err := a.openBackup(sealed)
	if err != nil {
		return err
	}
	defer s.close()
	s.rehearse(s.ks)
	if err := s.noSwap(false); err != nil {
		return err
	}
	d, err := s.contents(sealed)
	if err != nil {
		return err
	}
	return s.tellBackup(d, d.Count)
}

// restore makes a new home from a backup.
func (a *app) restore() error {
	if err := a.opt.MustReceive(a.operand()); err != nil {
		return err
	}
	if err := a.check(); err != nil {
		return err
	}
	if err := a.noHome(); err != nil {
		return err
	}
	release, err := a.newHome()
	if err != nil {
		return err
	}
	defer release()
	sealed, err := a.readBackup()
	if err != nil {
		return err
	}
	s, err := a.openBackup(sealed)
	if err != nil {
		return err
	}
	defer s.close()
	return s.restore(sealed)
}

func (s *session) restore(sealed []byte) error {
	if err := s.noSwap(false); err != nil {
		return err
	}
	if err := marked("backup", s.ks.Rehearsal(), s.opt.rehearsal); err != nil {
		return err
	}
	file := s.opt.newPassphraseFile
	if file == "" {
		file = s.opt.passphraseFile
	}
	p, err := s.con.Passphrase("new passphrase", file, true)
	defer s.con.Wipe()
	if err != nil {
		return err
	}
	d, err := s.contents(sealed)
	if err != nil {
		return err
	}
	if err := s.begin(); err != nil {
		return err
	}
	for i, raw := range s.ks.Packed() {
		if err := s.keepDocument(s.ks.Documents()[i], raw); err != nil {
			return err
		}
	}
	if err := s.ks.Restore(s.opt.home, p); err != nil {
		return err
	}
	s.rehearse(s.ks)
	from := fmt.Sprintf("%s%s from generation %d, sha256 %s", strings.ToLower(strings.Replace(s.practice(), ":", "", 1)), d.Fingerprint, d.Generation, d.SHA256)
	if _, err := journal.CreateRestored(s.opt.home, s.ks.Device(), s.now().Unix(), from); err != nil {
		return err
	}
	if err := s.finish(); err != nil {
		return err
	}
	d.Home, d.Device = s.opt.home, bundle.IDOf(s.ks.Device().Public()).String()
	return s.tellBackup(d, min(firstWallets, d.Count))
}

// usedUp is what a restored home counts as spent. A policy that was put in force since,
// as those agreed whom it asks, begins with empty periods.
func (s *session) usedUp(p policy.Policy) []policy.Past {
	all := s.j.Entries()
	fresh := func(e journal.Entry) bool { return e.Kind == journal.Policy && strings.HasPrefix(e.Text, "policy ") }
	if all[0].Kind != journal.Restore || slices.ContainsFunc(all, fresh) {
		return nil
	}
	return p.UsedUp(all[0].Time)
}

// readBackup reads what the command line names.
func (a *app) readBackup() ([]byte, error) {
	if name := a.operand(); name != "" {
		return keystore.ReadBackup(name, a.con.In)
	}
	m, err := a.opt.Receive(context.Background(), a.streams(), "", frame.IsBundle)
	if err != nil {
		return nil, err
	}
	return m.Bundle()
}

// openBackup opens a backup with its passphrase, or with shares.
func (a *app) openBackup(sealed []byte) (*session, error) {
	defer a.con.Wipe()
	s := &session{app: a, release: func() {}}
	if !a.opt.typedShares && a.opt.sharesDir == "" {
		p, err := a.con.Passphrase("passphrase of the backup", a.opt.passphraseFile, false)
		if err != nil {
			return nil, err
		}
		s.ks, err = keystore.OpenBackup(sealed, p, a.chain)
		return s, err
	}
	mem, err := memory.NewArena()
	if err != nil {
		return nil, err
	}
	defer mem.Close()
	digits, err := a.shareKey(mem)
	if err != nil {
		return nil, err
	}
	if s.ks, err = keystore.OpenBackup(sealed, digits, a.chain); fault.Is(err, "keystore.passphrase") {
		err = fault.New("share.backup", "journal and keystore say which set is of which file", "these shares do not open this backup")
	}
	return s, err
}

// tellBackup says what a backup holds, and the first wallets of it.
func (s *session) tellBackup(d contentsJSON, wallets int) error {
	for _, info := range s.ks.List()[:wallets] {
		w, err := s.describe(info)
		if err != nil {
			return err
		}
		d.Wallets = append(d.Wallets, w)
	}
	return s.print(d, func(w io.Writer) error {
		if d.Home != "" {
			fmt.Fprintf(w, "restored    %s; pair it, and never pair the old device again\n", quote.Line(d.Home))
		}
		if err := d.summary(w); err != nil {
			return err
		}
		if d.Home != "" && len(d.Files)+len(d.Documents) > 0 {
			fmt.Fprintln(w, "periods     of the policy count as used up until they are over, or until a higher version is put in force")
		}
		for _, x := range d.Wallets {
			if _, err := fmt.Fprintln(w, x.line()); err != nil {
				return err
			}
		}
		if more := d.Count - len(d.Wallets); more > 0 {
			fmt.Fprintf(w, "and %d more\n", more)
		}
		return nil
	})
}
