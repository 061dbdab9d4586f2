package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"strings"

	"coldsign/offline/internal/journal"
	"coldsign/offline/internal/keystore"
	"coldsign/offline/internal/memory"
	"coldsign/offline/internal/slip39"
	"coldsign/shared/cli"
	"coldsign/shared/durable"
	"coldsign/shared/fault"
	"coldsign/shared/frame/link"
	"coldsign/shared/quote"
)

// copying are the flags of the commands about backups.
type copying struct {
	newPassphraseFile, shares, sharesDir string
	newPassphrase, typedShares, shareQR  bool
}

func backupCommands() []cli.Command[*app] {
	in := func(more ...string) []string {
		return everywhere(link.InFlags(append(more, "shares in", "shares-dir")...)...)
	}
	return []cli.Command[*app]{
		{Name: "backup", Flags: everywhere(link.OutFlags("new-passphrase", "new-passphrase-file", "shares", "shares-dir", "share-qr")...), Do: (*app).backup},
		{Name: "backup verify", Flags: in(), Max: 1, Do: (*app).backupVerify},
		{Name: "restore", Flags: in("new-passphrase-file", "rehearsal"), Max: 1, Do: (*app).restore},
		{Name: "passphrase", Flags: everywhere("new-passphrase-file"), Do: (*app).passphrase},
	}
}

// copied is a sealed copy that is on its way out.
type copied struct {
	sealed []byte
	check  func(readBack []byte) error // that it opens to what was sealed
	set    *keystore.ShareSet          // nil for a copy under a passphrase
}

func (a *app) backup() error {
	o := &a.opt
	if err := o.MustSend(o.json); err != nil {
		return err
	}
	var plan slip39.Plan
	switch {
	case o.shares == "" && (o.sharesDir != "" || o.shareQR):
		return cli.Usagef("--shares-dir and --share-qr go with --shares 2of3")
	case o.shares != "" && (o.newPassphrase || o.newPassphraseFile != ""):
		return cli.Usagef("a backup has shares or a passphrase of its own, not both")
	case o.shares != "":
		var err error
		if plan, err = slip39.ParsePlan(o.shares); err != nil {
			return err
		}
		if o.sharesDir == "" && !a.con.Terminal() {
			return fault.New("console.terminal", "for a rehearsal give --shares-dir DIR", "there is no terminal to show the shares on")
		}
		// Before the process is shut in, which makes folders nowhere else.
		if o.sharesDir != "" && os.MkdirAll(o.sharesDir, 0o700) != nil {
			return fault.New("file.write", "", "cannot make the folder %q", o.sharesDir)
		}
	}
	return a.with(func(s *session) error {
		mem, err := memory.NewArena()
		if err != nil {
			return err
		}
		defer mem.Close()
		if err := o.Writable(); err != nil {
			return err
		}
		if err := s.pack(); err != nil {
			return err
		}
		var c copied
		if o.shares != "" {
			c, err = s.sealShared(mem, plan)
		} else {
			c, err = s.sealOwn()
		}
		defer s.con.Wipe()
		if err != nil {
			return err
		}
		return s.giveOut(c)
	})
}

// pack puts the operators' documents into the copy: a restored home signs by the same
// rules at once.
func (s *session) pack() error {
	var files [][]byte
	for _, d := range s.ks.Documents() {
		raw, err := s.document(d.Kind)
		if err != nil {
			return err
		}
		files = append(files, raw)
	}
	return s.ks.Pack(files)
}

// sealOwn seals a copy under a passphrase.
func (s *session) sealOwn() (c copied, err error) {
	var p []byte // the one in force
	if s.opt.newPassphrase || s.opt.newPassphraseFile != "" {
		if p, err = s.con.Passphrase("passphrase of the backup", s.opt.newPassphraseFile, true); err != nil {
			return c, err
		}
	}
	c.sealed, c.check, err = s.ks.Backup(p)
	return c, err
}

// giveOut writes a copy, proves it, and records it. A file is recorded once it has
// been read back; codes are shown, maybe for minutes, once the keystore is locked.
func (s *session) giveOut(c copied) error {
	d, err := s.contents(c.sealed)
	if err != nil {
		return err
	}
	file := s.opt.Out != "" && s.opt.Out != "-"
	if file {
		err = s.writeCopy(c)
	} else {
		err = c.check(c.sealed)
	}
	if err != nil {
		return err
	}
	text := d.Fingerprint
	if c.set != nil {
		c.set.Backup = sha256.Sum256(c.sealed)
		c.set.Fingerprint = d.fingerprint
		s.ks.AddShareSet(*c.set)
		text += fmt.Sprintf(" set %04x %s", c.set.ID, c.set.Plan)
		d.Sets = append(d.Sets, setOf(*c.set))
	}
	sum := sha256.Sum256(c.sealed)
	if _, err := s.record(journal.Entry{Kind: journal.Backup, Text: text, Data: sum[:]}); err != nil {
		return err
	}
	if c.set != nil {
		if err := s.ks.Save(); err != nil {
			return err
		}
	}
	if !file {
		if err := s.send(c.sealed); err != nil || s.opt.Printed() {
			return err
		}
	}
	d.Wallets, d.Out = nil, s.opt.Where()
	return s.print(d, d.summary)
}

// writeCopy writes the file and reads it back: once before it has its name, to
// decrypt and compare it, and once by its name.
func (s *session) writeCopy(c copied) error {
	if err := durable.WriteChecked(s.opt.Out, c.sealed, c.check); err != nil {
		return err
	}
	back, err := durable.Read(s.opt.Out, int64(len(c.sealed)))
	if err == nil && !bytes.Equal(back, c.sealed) {
		err = fault.New("file.write", "use another medium", "%q does not read back as written", s.opt.Out)
	}
	return err
}

// contentsJSON is how a backup is told.
type contentsJSON struct {
	fingerprint [8]byte

	Out         string       `json:"out,omitempty"`
	Home        string       `json:"home,omitempty"`
	Device      string       `json:"device,omitempty"` // of a home that was restored
	Fingerprint string       `json:"fingerprint"`
	SHA256      string       `json:"sha256"`
	Generation  uint64       `json:"generation"`
	Count       int          `json:"count"`
	Wallets     []walletJSON `json:"wallets,omitempty"`
	Sets        []setJSON    `json:"sets,omitempty"`      // of shares that were handed out
	Documents   []string     `json:"documents,omitempty"` // files of the home that are not in the backup
	Files       []fileJSON   `json:"files,omitempty"`     // documents that are
	Rehearsal   bool         `json:"rehearsal,omitempty"`
}

// fileJSON is a document of the operators, as a backup has it.
type fileJSON struct {
	Kind    string `json:"kind"`
	Version uint64 `json:"version"`
	Digest  string `json:"digest"` // SHA-256 of the file
}

type setJSON struct {
	ID     string `json:"id"`
	Plan   string `json:"plan"`
	Backup string `json:"backup"` // SHA-256
}

func setOf(s keystore.ShareSet) setJSON {
	return setJSON{ID: fmt.Sprintf("%04x", s.ID), Plan: s.Plan, Backup: hex.EncodeToString(s.Backup[:])}
}

// contents says what the open keystore holds, and of which file.
func (s *session) contents(sealed []byte) (d contentsJSON, err error) {
	if d.fingerprint, err = s.ks.Fingerprint(); err != nil {
		return d, err
	}
	sum := sha256.Sum256(sealed)
	d.Fingerprint, d.SHA256 = hex.EncodeToString(d.fingerprint[:]), hex.EncodeToString(sum[:])
	d.Generation, d.Count = s.ks.Generation(), len(s.ks.List())
	for _, set := range s.ks.ShareSets() {
		d.Sets = append(d.Sets, setOf(set))
	}
	d.Rehearsal = s.ks.Rehearsal()
	for _, doc := range s.ks.Documents() {
		if len(s.ks.Packed()) > 0 {
			d.Files = append(d.Files, fileJSON{doc.Kind, doc.Version, hex.EncodeToString(doc.Digest[:])})
		} else {
			d.Documents = append(d.Documents, s.documentPath(doc))
		}
	}
	return d, nil
}

// summary tells it in words, without the wallets.
func (d contentsJSON) summary(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "fingerprint %s\ngeneration  %d, %d wallet(s)\nsha256      %s\n", d.Fingerprint, d.Generation, d.Count, d.SHA256)
	if d.Device != "" {
		fmt.Fprintf(&b, "device      %s\n", d.Device)
	}
	for _, s := range d.Sets {
		fmt.Fprintf(&b, "shares      set %s, %s, of the backup %s\n", s.ID, s.Plan, s.Backup)
	}
	for _, f := range d.Files {
		fmt.Fprintf(&b, "document    %s, version %d, sha256 %s\n", quote.Line(f.Kind), f.Version, f.Digest)
	}
	for _, name := range d.Documents {
		fmt.Fprintf(&b, "document    %q is not in the backup: keep a copy\n", name)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// passphrase changes the passphrase.
func (a *app) passphrase() error {
	return a.with(func(s *session) error {
		defer s.con.Wipe()
		p, err := s.con.Passphrase("new passphrase", s.opt.newPassphraseFile, true)
		if err != nil {
			return err
		}
		if _, err := s.record(journal.Entry{Kind: journal.Passphrase}); err != nil {
			return err
		}
		if err := s.ks.SetPassphrase(p); err != nil {
			return err
		}
		return s.say(map[string]any{"changed": true, "generation": s.ks.Generation()}, "changed; copies made before open with the old passphrase\n")
	})
}
