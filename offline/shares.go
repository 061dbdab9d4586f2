package main

import (
	"bytes"
	"crypto/subtle"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"coldsign/offline/internal/keystore"
	"coldsign/offline/internal/memory"
	"coldsign/offline/internal/slip39"
	"coldsign/shared/durable"
	"coldsign/shared/fault"
	"coldsign/shared/frame/qr"
	"coldsign/shared/frame/screen"
	"coldsign/shared/hd"
	"coldsign/shared/quote"
)

const (
	asked     = 3       // words of each share that must be typed back
	tries     = 3       // how often
	maxShare  = 4 << 10 // bytes of a file with a share
	shareFile = "share-*.txt"
)

// sealShared seals a copy under a fresh key, shares the key and hands the shares out,
// with what is secret in mem. The keystore stays open meanwhile: what is on the screen
// opens the copy all the same.
func (s *session) sealShared(mem *memory.Arena, plan slip39.Plan) (c copied, err error) {
	if s.opt.sharesDir != "" {
		if err := s.inClear(); err != nil {
			return c, err
		}
	}
	random := hd.NewSource()
	var key []byte
	memory.Do(func() {
		var fresh []byte
		if fresh, err = hd.Entropy(random, ""); err == nil {
			key, err = mem.Copy(fresh)
			clear(fresh)
		}
	})
	if err != nil {
		return c, err
	}
	digits, err := keystore.KeyDigits(mem, key)
	if err != nil {
		return c, err
	}
	if c.sealed, c.check, err = s.ks.BackupUnderKey(digits); err != nil {
		return c, err
	}
	shares, err := slip39.Split(mem, random, key, plan, nil)
	if err != nil {
		return c, err
	}
	texts := make([][]byte, len(shares))
	for i, share := range shares {
		if texts[i], err = share.Words(mem); err != nil {
			return c, err
		}
	}
	if err := proven(mem, texts, key); err != nil {
		return c, err
	}
	c.set = &keystore.ShareSet{ID: shares[0].ID, Plan: plan.String(), Created: s.now().Unix()}
	if s.opt.sharesDir != "" {
		return c, s.writeShares(mem, shares, texts, key)
	}
	for i := range shares {
		title := fmt.Sprintf("%sSHARE %d of %d: set %s, %s, %s", s.practice(), i+1, len(shares), shares[i].Set(), plan, shares[i].Place())
		if err := s.handOut(random, title, texts[i]); err != nil {
			return c, err
		}
	}
	return c, nil
}

// proven reads all shares again and combines them. Each beyond the thresholds must be
// on the polynomials of the others, so that every sufficient part gives the key.
func proven(mem *memory.Arena, texts [][]byte, key []byte) error {
	shares := make([]slip39.Share, len(texts))
	for i, text := range texts {
		var err error
		if shares[i], err = slip39.Parse(mem, text); err != nil {
			return err
		}
	}
	again, err := slip39.Combine(mem, shares, nil)
	if err == nil && subtle.ConstantTimeCompare(again, key) != 1 {
		err = fault.New("share.verify", "do not use this machine", "the shares do not give what was shared")
	}
	return err
}

// inClear warns of shares in files, and refuses a folder that has those of another set:
// two sets in one folder open nothing.
func (s *session) inClear() error {
	list, err := os.ReadDir(s.opt.sharesDir)
	if err != nil {
		return fault.New("file.read", "", "cannot look into the folder %q", s.opt.sharesDir)
	}
	for _, e := range list {
		if ok, _ := filepath.Match(shareFile, e.Name()); ok {
			return fault.New("share.folder", "give an empty folder", "%q holds a share of another set, %q", s.opt.sharesDir, e.Name())
		}
	}
	s.warn("WARNING: THE SHARES ARE IN CLEAR in " + quote.Line(s.opt.sharesDir) + ", a file each: enough of them open the backup. Take them apart, and destroy the files")
	return nil
}

// writeShares writes one file for each share, and combines what it reads back.
func (s *session) writeShares(mem *memory.Arena, shares []slip39.Share, texts [][]byte, key []byte) (err error) {
	memory.Do(func() {
		back := make([][]byte, len(texts))
		for i, share := range shares {
			name := filepath.Join(s.opt.sharesDir, fmt.Sprintf("share-%s%s-%d-%d.txt", strings.Replace(s.practice(), ": ", "-", 1), share.Set(), share.Group+1, share.Member+1))
			line := append(bytes.Clone(texts[i]), '\n')
			if err = durable.Write(name, line); err == nil {
				back[i], err = durable.Read(name, maxShare)
			}
			clear(line)
			if err != nil {
				return
			}
		}
		err = proven(mem, back, key)
		for _, b := range back {
			clear(b)
		}
	})
	return err
}

// handOut shows a share to the person who is to keep it, and has words of it typed
// back from the paper. The screen is emptied before the next person comes.
func (s *session) handOut(random *hd.Source, title string, text []byte) error {
	hide, err := s.con.Reveal()
	if err != nil {
		return err
	}
	defer hide()
	words := bytes.Fields(text)
	for range tries {
		s.con.Clear()
		if err := s.showShare(title, words); err != nil {
			return err
		}
		if _, err := s.con.Ask("write the words down with their numbers, then press Enter: "); err != nil {
			return err
		}
		s.con.Clear()
		if err := s.con.Fresh(); err != nil { // what was typed was read off the screen
			return err
		}
		ok, err := s.typedBack(random, words)
		if ok || err != nil {
			return err
		}
	}
	return fault.New("share.unconfirmed", "nothing was kept: destroy the shares of this set and start again", "the words typed were not those shown")
}

func (s *session) showShare(title string, words [][]byte) (err error) {
	memory.Do(func() {
		var b bytes.Buffer
		fmt.Fprintf(&b, "%s\nkeep it secret, and apart from the others\n\n", title)
		inColumns(&b, words)
		if s.opt.shareQR {
			var code qr.Encoder
			var m qr.Matrix
			if m, err = code.Text(strings.ToUpper(string(bytes.Join(words, []byte(" ")))), 0); err == nil {
				err = screen.Write(&b, m)
			}
			clear(m.Dark)
		}
		if err == nil {
			err = s.con.Show(b.Bytes())
		}
		clear(b.Bytes())
	})
	return err
}

// typedBack asks for some of the words.
func (s *session) typedBack(random *hd.Source, words [][]byte) (bool, error) {
	var places []int
	for len(places) < asked {
		var b [32]byte
		if _, err := random.Read(b[:]); err != nil {
			return false, err
		}
		for _, v := range b {
			if p := int(v) % len(words); int(v) < 256/len(words)*len(words) && len(places) < asked && !slices.Contains(places, p) {
				places = append(places, p)
			}
		}
	}
	for _, p := range places {
		typed, err := s.con.Secret(fmt.Sprintf("word %d, from the paper: ", p+1))
		if err != nil {
			return false, err
		}
		if !bytes.EqualFold(bytes.TrimSpace(typed), words[p]) {
			return false, nil
		}
	}
	return true, nil
}

// shareKey gives the digits of the key that shares have: of files, typed one at a
// time, or on the lines of standard input.
func (a *app) shareKey(mem *memory.Arena) ([]byte, error) {
	var shares []slip39.Share
	var err error
	switch {
	case a.opt.sharesDir != "":
		shares, err = sharesIn(mem, a.opt.sharesDir)
	case a.con.Terminal():
		return a.askShares(mem)
	default:
		var text []byte
		if text, err = a.con.SecretInput(""); err != nil {
			return nil, err
		}
		for line := range bytes.Lines(text) {
			if len(bytes.TrimSpace(line)) == 0 {
				continue
			}
			share, err := slip39.Parse(mem, line)
			if err != nil {
				return nil, in(fmt.Sprintf("line %d", len(shares)+1), err)
			}
			shares = append(shares, share)
		}
	}
	if err != nil {
		return nil, err
	}
	key, err := slip39.Combine(mem, shares, nil)
	if err != nil {
		return nil, err
	}
	return keystore.KeyDigits(mem, key)
}

// askShares asks for one share after the other until they are enough. One that cannot
// be right is not taken, and asked for again.
func (a *app) askShares(mem *memory.Arena) ([]byte, error) {
	var shares []slip39.Share
	for {
		text, err := a.typedShare(fmt.Sprintf("words of share %d, on one line; an empty line stops: ", len(shares)+1))
		if err != nil {
			return nil, err
		}
		if len(bytes.TrimSpace(text)) == 0 {
			_, err := slip39.Combine(mem, shares, nil)
			return nil, err
		}
		share, err := slip39.Parse(mem, text)
		clear(text)
		if err == nil {
			var key []byte
			if key, err = slip39.Combine(mem, append(slices.Clone(shares), share), nil); err == nil {
				return keystore.KeyDigits(mem, key)
			}
		}
		if !fault.Is(err, "share.few") {
			fmt.Fprintf(a.con.Err, "not taken: %v\n", err)
			continue
		}
		shares = append(shares, share)
		fmt.Fprintf(a.con.Err, "%s of set %s is good: %s\n", share.Place(), share.Set(), what(err))
	}
}

// typedShare asks for a line that is a secret, but too long to be typed blind.
func (a *app) typedShare(question string) ([]byte, error) {
	hide, err := a.con.Reveal()
	if err != nil {
		return nil, err
	}
	defer hide()
	return a.con.Line(question)
}

// sharesIn reads the files with shares of a folder.
func sharesIn(mem *memory.Arena, dir string) (shares []slip39.Share, err error) {
	list, err := os.ReadDir(dir)
	if err != nil {
		return nil, fault.New("file.read", "", "cannot look into the folder %q", dir)
	}
	for _, e := range list {
		if ok, _ := filepath.Match(shareFile, e.Name()); !ok {
			continue
		}
		memory.Do(func() {
			var text []byte
			if text, err = durable.Read(filepath.Join(dir, e.Name()), maxShare); err != nil {
				return
			}
			defer clear(text)
			var share slip39.Share
			if share, err = slip39.Parse(mem, text); err != nil {
				err = in(fmt.Sprintf("%q", e.Name()), err)
			}
			shares = append(shares, share)
		})
		if err != nil {
			return nil, err
		}
	}
	if len(shares) == 0 {
		return nil, fault.New("share.few", "", "no file %s is in %q", shareFile, dir)
	}
	return shares, nil
}

// in says where a share that is wrong was.
func in(place string, err error) error {
	return fault.New(fault.Code(err), "compare each word with the paper", "%s: %s", place, what(err))
}
