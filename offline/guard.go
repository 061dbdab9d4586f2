package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"coldsign/offline/internal/harden"
	"coldsign/offline/internal/keystore"
	"coldsign/offline/internal/selftest"
	"coldsign/shared/bundle"
	"coldsign/shared/fault"
	"coldsign/shared/hd"
	"coldsign/shared/quote"
)

// guard refuses to go on where the machine could talk, and shuts the process in.
func (a *app) guard() error {
	if err := a.check(); err != nil {
		return err
	}
	return a.enter()
}

// check asks whether the machine could talk. An interface that is up can be waived,
// loudly; an inherited socket cannot.
func (a *app) check() error {
	if a.safe {
		return nil
	}
	if err := harden.NoSockets("/proc"); err != nil {
		return err
	}
	if err := a.look(); err != nil {
		return err
	}
	a.safe = true
	return nil
}

// look asks what the machine is like now. It comes again before anything is signed:
// a scan or a question may have lasted an hour.
func (a *app) look() error {
	if err := harden.Check("/sys", "/proc"); err != nil {
		if !a.opt.allowNetwork {
			return err
		}
		a.waive(bundle.WaivedNetwork, "NOT AIR-GAPPED: "+quote.Line(what(err)))
	}
	if on := harden.Swap("/proc"); len(on) > 0 {
		a.waive(bundle.WaivedSwap, "SWAP IS ON: secrets may be written to "+quote.Line(strings.Join(on, ", "))+"; switch it off (swapoff -a)")
	}
	return nil
}

// waive notes what was let through, once. On a terminal it is said at once.
func (a *app) waive(w bundle.Waived, text string) {
	if a.waived&w != 0 {
		return
	}
	a.waived |= w
	a.warn("WARNING: " + text + ". Never use real keys here.")
}

// warn says a line beside every result; on a terminal at once.
func (a *app) warn(line string) {
	a.loud = append(a.loud, line)
	if a.con.Terminal() {
		fmt.Fprintln(a.con.Err, line)
	}
}

func what(err error) string {
	if f, ok := errors.AsType[*fault.Error](err); ok {
		return f.What
	}
	return err.Error()
}

// spareHome refuses to write over the home's own files, whatever a command line says.
func (a *app) spareHome() error {
	o := &a.opt
	same := func(path, inHome string) bool {
		x, err := os.Stat(path)
		y, err2 := os.Stat(filepath.Join(o.home, inHome))
		return err == nil && err2 == nil && os.SameFile(x, y)
	}
	for _, out := range []string{o.Out, o.Dir, o.GIF, o.HTML, o.PDF, o.Text, o.sharesDir, o.transcript} {
		if out == "" || out == "-" {
			continue
		}
		dir, base := filepath.Split(filepath.Clean(out))
		own := slices.Contains([]string{"lock", "sent", "documents", "scan.state", unfinished}, base) ||
			strings.HasPrefix(base, "keystore.age") || strings.HasPrefix(base, "journal.")
		if same(out, "") || own && same(filepath.Clean(dir), "") || same(filepath.Clean(dir), "sent") || same(filepath.Clean(dir), "documents") {
			return fault.New("file.home", "give a name outside of the home", "%q is one of the home's own files", out)
		}
	}
	return nil
}

// enter shuts the process in: what the command line names is all it can reach.
func (a *app) enter() error {
	if a.walled {
		return nil
	}
	if err := a.spareHome(); err != nil {
		return err
	}
	if err := harden.NoSockets("/proc"); err != nil {
		return err
	}
	o := &a.opt
	list := append(harden.Reads(o.passphraseFile, o.newPassphraseFile, o.in, o.book, o.tokens, o.Scan, o.ScanImages), harden.Access{Path: o.home, Write: true})
	list = append(list, harden.Reads(a.args...)...)
	list = append(list, harden.Reads(o.operatorKey, o.operatorPass)...)
	list = append(list, harden.Reads(o.tatum, o.tatumPass, o.geth, o.keypair, o.bip39File)...)
	for _, file := range o.approval {
		list = append(list, harden.Reads(file, file+".minisig")...)
	}
	list = append(list, harden.Writes(o.Out, o.Dir, o.GIF, o.HTML, o.PDF, o.Text, o.transcript)...)
	if o.sharesDir != "" {
		list = append(list, harden.Access{Path: o.sharesDir, Write: o.shares != ""})
	}
	if o.Dir != "" { // it may be there already, elsewhere than its name says
		list = append(list, harden.Access{Path: o.Dir, Write: true})
	}
	if o.ScanCamera != "" {
		list = append(list, harden.Access{Path: o.ScanCamera, Write: true})
	}
	if err := a.wall(list); err != nil {
		return err
	}
	a.walled = true
	return nil
}

// powerOn proves the primitives and the machine's randomness before the first key
// is used.
func (a *app) powerOn() error { return selftest.PowerOn(a.chain, hd.NewSource()) }

// noSwap refuses keys of main networks on a machine that may write them to a disk,
// under every policy but compat: those that the keystore holds, and new ones.
func (s *session) noSwap(mainnet bool) error {
	if s.waived&bundle.WaivedSwap == 0 || s.opt.allowSwap || s.ks.Preset() == "compat" {
		return nil
	}
	if mainnet || slices.ContainsFunc(s.ks.List(), func(w keystore.Info) bool { return !w.Testnet }) {
		return fault.New("harden.swap", "run swapoff -a; for a rehearsal give --allow-swap", "swap is on, and a key of a main network must not be written to a disk")
	}
	return nil
}
