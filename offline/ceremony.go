package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"coldsign/offline/internal/ceremony"
	"coldsign/offline/internal/keystore"
	"coldsign/offline/internal/memory"
	"coldsign/shared/bundle"
	"coldsign/shared/chain"
	"coldsign/shared/cli"
	"coldsign/shared/durable"
	"coldsign/shared/fault"
	"coldsign/shared/hd"
)

// ceremonyOptions are the flags of a key ceremony.
type ceremonyOptions struct {
	diceOnly, showWords, confirmWords, showMachine, bip39 bool

	bip39File, fingerprint, transcript string

	program string // SHA-256 of this program's file, which is out of reach later
}

// extra says whether the words have a passphrase of BIP-39.
func (o *ceremonyOptions) extra() bool { return o.bip39 || o.bip39File != "" }

// plain says whether wallets are made without anybody doing anything.
func (o *options) plain() bool {
	return !o.dice && !o.diceOnly && !o.showWords && !o.confirmWords && !o.extra()
}

// ceremonious refuses what does not go together, before anything is asked or made.
func (a *app) ceremonious(count int) (err error) {
	o := &a.opt
	switch {
	case o.dice && o.diceOnly:
		return cli.Usagef("--dice mixes the dice with the machine's randomness, --dice-only leaves that out: give one of them")
	case !o.plain() && count > 1:
		return cli.Usagef("--dice, words and passphrases make one wallet at a time")
	case o.showMachine && (!o.dice || !o.showWords && !o.confirmWords):
		return cli.Usagef("--show-machine goes with --dice and --show-words or --confirm-words")
	case o.transcript == "-":
		return cli.Usagef("--transcript takes the name of a new file")
	case o.transcript != "" && count > ceremony.MaxWallets:
		return cli.Usagef("a transcript takes %d wallets", ceremony.MaxWallets)
	case (o.showWords || o.confirmWords || o.extra()) && !a.con.Terminal():
		return fault.New("console.terminal", "sit down at the machine", "there is no terminal to show words or a fingerprint on")
	case o.transcript == "":
		return nil
	}
	if _, err := os.Lstat(o.transcript); !errors.Is(err, fs.ErrNotExist) {
		return fault.New("file.exists", "give it a new name", "there is something at %q", o.transcript)
	}
	o.program, err = ownSum()
	return err
}

// found makes one wallet as a ceremony does. It is not saved yet.
func (s *session) found(name string) (w walletJSON, t ceremony.Transcript, err error) {
	o := &s.opt
	mem, err := memory.NewArena()
	if err != nil {
		return w, t, err
	}
	defer mem.Close()
	defer s.con.Wipe()
	r := keystore.Recipe{Chain: name, Testnet: o.testnet, DiceAlone: o.diceOnly}
	t.How, t.Words, t.Passphrase = ceremony.System, ceremony.Unseen, o.extra()
	switch {
	case o.dice:
		t.How = ceremony.Mixed
		if r.Machine, err = s.ks.Draw(); err != nil {
			return w, t, err
		}
		memory.Do(func() { t.Machine = ceremony.Machine(r.Machine) })
	case o.diceOnly:
		t.How = ceremony.Dice
		s.tellAtOnce("DICE ONLY: this key is as random as your dice, and whoever learns the rolls has it")
	}
	if t.How != ceremony.System {
		if r.Dice, err = s.rolls(mem, t); err != nil {
			return w, t, err
		}
		t.Rolls = len(r.Dice)
	}
	if o.extra() {
		if r.Passphrase, err = s.bip39(mem); err != nil {
			return w, t, err
		}
	}
	info, err := s.ks.Make(r, s.now())
	if err != nil {
		return w, t, err
	}
	if w, err = s.describe(info); err != nil {
		return w, t, err
	}
	if err := s.words(&w, &t, info, r); err != nil {
		return w, t, err
	}
	w.Fingerprint, err = s.agreed(info)
	return w, t, err
}

// words commits to the dice, and shows the words where that is asked for.
func (s *session) words(w *walletJSON, t *ceremony.Transcript, info keystore.Info, r keystore.Recipe) error {
	words, err := s.ks.Words(info.ID)
	if err == nil && t.Rolls > 0 {
		memory.Do(func() {
			var m *hd.Mnemonic
			if m, err = hd.ParseMnemonic(words); err == nil {
				defer m.Wipe()
				entropy := m.Entropy()
				defer clear(entropy)
				t.Dice, err = ceremony.CommitDice(entropy, r.Dice)
			}
		})
	}
	switch {
	case err != nil:
		return err
	case s.opt.confirmWords:
		t.Words = ceremony.Confirmed
	case s.opt.showWords:
		t.Words = ceremony.Shown
	default:
		return nil
	}
	title := fmt.Sprintf("%s%s wallet %s: its %d words", s.practice(), w.Chain, w.SignatureID, len(bytes.Fields(words)))
	return s.handWords(title, bytes.Fields(words), r.Machine)
}

// tellAtOnce says a line on a terminal now, and elsewhere when all has gone well.
func (s *session) tellAtOnce(line string) {
	s.loud = append(s.loud, line)
	if s.con.Terminal() {
		fmt.Fprintln(s.con.Err, line)
	}
}

// rolls reads the dice: at a terminal as many lines as it takes, which nobody types
// blind, and else all of standard input.
func (s *session) rolls(mem *memory.Arena, t ceremony.Transcript) ([]byte, error) {
	space := func(c byte) bool { return bytes.IndexByte([]byte(" \t\r\n"), c) >= 0 }
	if !s.con.Terminal() {
		typed, err := s.con.SecretInput("")
		if err != nil {
			return nil, err
		}
		dice, err := mem.Copy(slices.DeleteFunc(typed, space))
		least := hd.FewRolls
		if t.How == ceremony.Dice || s.opt.transcript != "" {
			least = hd.MinRolls
		}
		if err == nil {
			err = hd.CheckDice(memory.Text(dice), least)
		}
		return dice, err
	}
	hide, err := s.con.Reveal()
	if err != nil {
		return nil, err
	}
	defer hide()
	if t.How == ceremony.Mixed {
		fmt.Fprintf(s.con.Err, "SHA-256 of the machine's part, which no roll can change any more: write it down first\n%x\n", t.Machine)
	}
	dice, err := mem.Bytes(4 << 10)
	if err != nil {
		return nil, err
	}
	for dice = dice[:0]; len(dice) < hd.MinRolls; {
		line, err := s.con.Line(fmt.Sprintf("dice rolls, digits 1 to 6, %d of %d: ", len(dice), hd.MinRolls))
		if err != nil {
			return nil, err
		}
		line = slices.DeleteFunc(line, space)
		switch {
		case len(line) == 0:
			return nil, hd.CheckDice(memory.Text(dice), hd.MinRolls)
		case bytes.ContainsFunc(line, func(c rune) bool { return c < '1' || c > '6' }) || len(dice)+len(line) > cap(dice):
			fmt.Fprintln(s.con.Err, "this line is not taken: each roll is a digit from 1 to 6")
		default:
			dice = append(dice, line...)
		}
		s.con.Wipe()
	}
	return dice, hd.CheckDice(memory.Text(dice), hd.MinRolls)
}

// bip39 reads the passphrase of BIP-39: of its file, or typed twice without echo.
func (s *session) bip39(mem *memory.Arena) (p []byte, err error) {
	typed, err := s.con.Passphrase("BIP-39 passphrase", s.opt.bip39File, true)
	if err != nil {
		return nil, err
	}
	memory.Do(func() {
		var plain []byte
		if plain, err = hd.Passphrase(typed); err == nil {
			p, err = mem.Copy(plain)
		}
		clear(plain)
	})
	return p, err
}

// agreed gives the fingerprint of a wallet's master key. Where it was given, and where
// a passphrase may have opened another wallet than was meant, people agree to it first.
func (s *session) agreed(info keystore.Info) (string, error) {
	p, err := s.ks.Public(info.ID)
	if err != nil {
		return "", err
	}
	fp, err := p.Master()
	if err != nil {
		return "", err
	}
	got := hex.EncodeToString(fp[:])
	switch want := s.opt.fingerprint; {
	case want != "" && !strings.EqualFold(want, got):
		return "", fault.New("wallet.fingerprint", "nothing was kept; compare words and passphrase with the paper", "these words give the fingerprint %s, not %s", got, want)
	case want != "" || !s.opt.extra():
		return got, nil
	}
	fmt.Fprintf(s.con.Err, "fingerprint %s\nA slip in the passphrase opens another wallet and no error: keep the fingerprint with the words.\n", got)
	for range tries {
		typed, err := s.con.Ask("type the fingerprint to keep this wallet: ")
		if err != nil {
			return "", err
		}
		if strings.EqualFold(typed, got) {
			return got, nil
		}
	}
	return "", fault.New("wallet.fingerprint", "nothing was kept; start again", "the fingerprint typed was not %s", got)
}

// handWords shows the words, and has them typed back from the paper.
func (s *session) handWords(title string, words [][]byte, machine []byte) error {
	hide, err := s.con.Reveal()
	if err != nil {
		return err
	}
	defer hide()
	note := "write them down with their numbers; nobody else may see them"
	for range tries {
		s.con.Clear()
		if err := s.showWords(title+"\n"+note, words, machine); err != nil {
			return err
		}
		if _, err := s.con.Ask("when they are written down, press Enter: "); err != nil {
			return err
		}
		s.con.Clear()
		if !s.opt.confirmWords {
			return nil
		}
		if err := s.con.Fresh(); err != nil { // what was typed was read off the screen
			return err
		}
		wrong, err := s.typedWords(words)
		if len(wrong) == 0 || err != nil {
			return err
		}
		note = "not as shown: word " + strings.Join(wrong, ", ") + "; compare the paper"
	}
	return fault.New("wallet.unconfirmed", "nothing was kept: destroy the paper and start again", "the words typed were not those shown")
}

func (s *session) showWords(title string, words [][]byte, machine []byte) (err error) {
	memory.Do(func() {
		var b bytes.Buffer
		fmt.Fprintf(&b, "%s\n\n", title)
		inColumns(&b, words)
		if s.opt.showMachine {
			b.WriteString("the machine's part, for the second tool alone:\n")
			for line := range slices.Chunk(machine, 16) {
				for part := range slices.Chunk(line, 4) {
					fmt.Fprintf(&b, "  %x", part)
				}
				b.WriteByte('\n')
			}
			b.WriteByte('\n')
		}
		err = s.con.Show(b.Bytes())
		clear(b.Bytes())
	})
	return err
}

// inColumns writes words with their numbers, in three columns.
func inColumns(b *bytes.Buffer, words [][]byte) {
	const columns = 3
	rows := (len(words) + columns - 1) / columns
	for row := range rows {
		for i := row; i < len(words); i += rows {
			fmt.Fprintf(b, "%4d %-10s", i+1, words[i])
		}
		b.WriteByte('\n')
	}
	b.WriteByte('\n')
}

// typedWords asks for all the words, and gives the numbers of those that are wrong.
func (s *session) typedWords(words [][]byte) (wrong []string, err error) {
	defer s.con.Wipe()
	for n := 0; n < len(words); {
		line, err := s.con.Line(fmt.Sprintf("word %d of %d, from the paper: ", n+1, len(words)))
		if err != nil {
			return nil, err
		}
		for _, typed := range bytes.Fields(line) {
			if n++; n > len(words) || !bytes.EqualFold(typed, words[n-1]) {
				wrong = append(wrong, fmt.Sprint(n))
			}
		}
		s.con.Wipe()
	}
	return wrong, nil
}

// testify writes the transcript of the wallets that were made, and gives its SHA-256.
func (s *session) testify(t ceremony.Transcript, ws []walletJSON) ([]byte, error) {
	t.Time, t.Program, t.Overlooked, t.Rehearsal = s.now(), s.opt.program, s.waived.Words(), s.ks.Rehearsal()
	t.Entries, t.Head = s.j.Head()
	for i, w := range ws {
		if i%manyKeys == manyKeys-1 {
			s.ks.Forget()
		}
		id, err := bundle.ParseSignatureID(w.SignatureID)
		if err != nil {
			return nil, err
		}
		public, err := s.public(id, w)
		if err != nil {
			return nil, err
		}
		t.Wallets = append(t.Wallets, public)
	}
	raw, err := t.Encode(s.ks.Device())
	if err != nil {
		return nil, err
	}
	digest := sha256.Sum256(raw)
	return digest[:], durable.Write(s.opt.transcript, raw)
}

const (
	firstKeys = 3  // of a wallet, in a transcript
	manyKeys  = 64 // wallets until what was derived for a transcript is forgotten
)

// public is what a transcript tells of a wallet.
func (s *session) public(id bundle.SignatureID, w walletJSON) (t ceremony.Wallet, err error) {
	info, err := s.ks.Find(id)
	if err != nil {
		return t, err
	}
	ch, n, err := s.networkOf(info, "")
	if err != nil {
		return t, err
	}
	t = ceremony.Wallet{ID: id, Chain: w.Chain, Network: string(n.ID), Testnet: w.Testnet, XPub: w.XPub, Path: w.Path}
	p, err := s.ks.Public(id)
	if err != nil {
		return t, err
	}
	master, err := p.MasterKey()
	if err != nil {
		return t, err
	}
	t.Master = master.Bytes()
	if t.Fingerprint, err = p.Master(); err != nil {
		return t, err
	}
	for i := range uint32(firstKeys) {
		path, err := s.ks.Path(id, i)
		if err != nil {
			return t, err
		}
		key, err := p.Key(path)
		if err != nil {
			return t, err
		}
		t.Keys = append(t.Keys, ceremony.Key{Path: chain.PathString(path), Public: key.Bytes(), Address: ch.Wallet.Addresses(n.ID, key, true)[0]})
	}
	return t, nil
}
