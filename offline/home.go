package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"

	"coldsign/offline/internal/journal"
	"coldsign/offline/internal/keystore"
	"coldsign/offline/internal/memory"
	"coldsign/shared/bundle"
	"coldsign/shared/chain"
	"coldsign/shared/durable"
	"coldsign/shared/fault"
	"coldsign/shared/frame"
	"coldsign/shared/frame/link"
	"coldsign/shared/quote"
)

// session is an unlocked home.
type session struct {
	*app
	ks      *keystore.Keystore
	j       *journal.Journal
	release func()

	described int  // wallets, so far
	laws      *law // what is in force, once it is read
}

// unlock takes the home's lock and opens keystore and journal.
func (a *app) unlock() (*session, error) {
	if err := a.guard(); err != nil {
		return nil, err
	}
	if _, err := os.Stat(a.opt.home); errors.Is(err, fs.ErrNotExist) {
		return nil, fault.New("keystore.missing", "run \"coldsign-offline init\" first", "no home at %q", a.opt.home)
	}
	if a.isUnfinished() {
		return nil, fault.New("home.unfinished", "run the same init or restore again", "an init or a restore was cut short in %q", a.opt.home)
	}
	release, err := durable.Lock(filepath.Join(a.opt.home, "lock"))
	if err != nil {
		return nil, err
	}
	if err := a.powerOn(); err != nil {
		release()
		return nil, err
	}
	s := &session{app: a, release: release}
	if err := s.open(); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

func (s *session) open() error {
	p, err := s.con.Passphrase("passphrase", s.opt.passphraseFile, false)
	if err != nil {
		return err
	}
	defer s.con.Wipe()
	if s.ks, err = keystore.Open(s.opt.home, p, s.chain); err != nil {
		return err
	}
	s.rehearse(s.ks)
	_ = s.networks() // law tells what is wrong with them; a list that is set again needs none
	// scrypt has just used 256 MiB that nobody needs again.
	debug.FreeOSMemory()
	if err := s.noSwap(false); err != nil {
		return err
	}
	if s.j, err = journal.Open(s.opt.home, s.ks.Device().Public()); err != nil {
		return err
	}
	// A pairing writes the journal, then the keystore. Cut short between the two,
	// the old peer is still in force: its sequences go on, not those of the new.
	if peer, ok := s.ks.Peer(); ok && !bytes.Equal(peer, s.j.Peer()) {
		_, err = s.record(journal.Entry{Kind: journal.Pair, Data: peer})
	}
	return err
}

// lock takes the keys out of memory. What is shown, perhaps for minutes, comes after
// it.
func (s *session) lock() {
	s.ks.Close()
	memory.Collect()
}

func (s *session) close() {
	if s.ks != nil {
		s.ks.Close()
	}
	s.release()
}

// with runs f on an unlocked home.
func (a *app) with(f func(*session) error) error {
	s, err := a.unlock()
	if err != nil {
		return err
	}
	defer s.close()
	return f(s)
}

// newHome makes the folder of a home, shuts the process in and takes the home's lock.
func (a *app) newHome() (release func(), err error) {
	if err := os.MkdirAll(a.opt.home, 0o700); err != nil {
		return nil, fault.New("file.write", "", "cannot make the home %q", a.opt.home)
	}
	if err := a.guard(); err != nil {
		return nil, err
	}
	if err := a.powerOn(); err != nil {
		return nil, err
	}
	return durable.Lock(filepath.Join(a.opt.home, "lock"))
}

func (a *app) initHome() error {
	if err := a.check(); err != nil {
		return err
	}
	release, err := a.newHome()
	if err != nil {
		return err
	}
	defer release()
	// Both before anything is asked or made: a keystore without its journal is
	// of no use.
	for _, kept := range []struct{ what, file string }{{"keystore", keystore.File}, {"journal", journal.File}} {
		if _, err := os.Lstat(filepath.Join(a.opt.home, kept.file)); err == nil && !a.isUnfinished() {
			return fault.New(kept.what+".exists", "use another --home, or move it away", "there is a %s in %q", kept.what, a.opt.home)
		}
	}
	p, err := a.con.Passphrase("passphrase", a.opt.passphraseFile, true)
	if err != nil {
		return err
	}
	defer a.con.Wipe()
	if err := a.begin(); err != nil {
		return err
	}
	create, first := keystore.Create, journal.Create
	if a.opt.rehearsal {
		create, first = keystore.CreateRehearsal, journal.CreateRehearsal
	}
	ks, err := create(a.opt.home, p, a.chain)
	if err != nil {
		return err
	}
	defer ks.Close()
	if _, err := first(a.opt.home, ks.Device(), a.now().Unix()); err != nil {
		return err
	}
	if err := a.finish(); err != nil {
		return err
	}
	a.rehearse(ks)
	return a.say(map[string]any{"home": a.opt.home, "device": bundle.IDOf(ks.Device().Public()).String(), "rehearsal": ks.Rehearsal()},
		"created %s\ndevice  %s\n", quote.Line(a.opt.home), bundle.IDOf(ks.Device().Public()))
}

// record appends a journal entry.
func (s *session) record(e journal.Entry) (journal.Entry, error) {
	e.Time = s.now().Unix()
	return s.j.Append(s.ks.Device(), e)
}

// sent is where the bundle with the given number is kept before it is released.
// Each online half has its own numbers; the name therefore holds its device id.
func (s *session) sent(n uint64) string {
	return filepath.Join(s.opt.home, "sent", fmt.Sprintf("%s-%08d.cbor", bundle.IDOf(s.j.Peer()), n))
}

// next is the place of the next bundle to the online half. The journal alone
// says it: the kept files may be lost or spoilt.
func (s *session) next() *journal.Channel {
	last := s.j.Out()
	return &journal.Channel{Sequence: last.Sequence + 1, Previous: last.Last, Created: s.now().Unix()}
}

// store writes a file in a folder of the home.
func (a *app) store(path string, raw []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fault.New("file.write", "", "cannot make a folder in the home")
	}
	if err := durable.SyncDir(a.opt.home); err != nil {
		return err
	}
	return durable.Write(path, raw)
}

// keep stores an outgoing bundle in the home.
func (s *session) keep(n uint64, raw []byte) error {
	return s.store(s.sent(n), raw)
}

// streams are those that a message comes and goes by. A scan that is cut short is
// kept in the home.
func (a *app) streams() link.Streams {
	s := link.Streams{In: a.con.In, Out: a.out, Err: a.con.Err, Env: a.env, Notes: &a.notes}
	for _, line := range a.loud {
		short, _, _ := strings.Cut(strings.TrimPrefix(line, "WARNING: "), ":")
		s.Warning = strings.TrimSpace(s.Warning + " " + short)
	}
	if _, err := os.Stat(a.opt.home); err == nil {
		s.State = filepath.Join(a.opt.home, "scan.state")
	}
	return s
}

// withMessage reads what the command line names and runs f on an unlocked home.
// Codes are read before it is unlocked: no key is in memory while a picture is
// looked at.
func (a *app) withMessage(operand string, wanted func(frame.Message) error, f func(*session, frame.Message) error) error {
	if operand != "" {
		return a.with(func(s *session) error {
			m, err := a.opt.Receive(context.Background(), a.streams(), operand, wanted)
			if err != nil {
				return err
			}
			return f(s, m)
		})
	}
	if err := a.guard(); err != nil {
		return err
	}
	m, err := a.opt.Receive(context.Background(), a.streams(), "", wanted)
	if err != nil {
		return err
	}
	return a.with(func(s *session) error { return f(s, m) })
}

// send locks the keystore and gives a bundle out where it was asked for: codes may
// be shown for minutes.
func (s *session) send(raw []byte) error {
	return s.sendMessage(frame.Message{Format: frame.Native, Data: raw})
}

func (s *session) sendMessage(m frame.Message) error {
	s.lock()
	return s.opt.Send(context.Background(), s.streams(), m)
}

// operand is the FILE of a command, or "" where codes stand in for it.
func (a *app) operand() string {
	if len(a.args) == 0 {
		return ""
	}
	return a.args[0]
}

// peer gives the paired online half's key.
func (s *session) peer() ([]byte, error) {
	p, ok := s.ks.Peer()
	if !ok {
		return nil, fault.New("pair.missing", "run \"coldsign-offline pair\" on both halves first", "this half is not paired")
	}
	return p, nil
}

// network finds the network that an address is wanted for.
func (a *app) networkOf(info keystore.Info, name string) (chain.Chain, chain.Network, error) {
	ch, _ := a.chain.ByName(info.Chain)
	for _, n := range ch.Networks {
		if n.Testnet == info.Testnet && (name == "" || name == n.Name || name == string(n.ID)) {
			return ch, n, nil
		}
	}
	return ch, chain.Network{}, fault.New("network.unknown", "", "wallet %s has no network %q", info.ID, name)
}
