package main

import (
	_ "embed"
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"time"

	"coldsign/offline/internal/console"
	"coldsign/offline/internal/harden"
	"coldsign/shared/bundle"
	"coldsign/shared/chain/registry"
	"coldsign/shared/cli"
	"coldsign/shared/fault"
	"coldsign/shared/frame/link"
)

//go:embed usage.txt
var usage string

const exits = "\nExit status: 0 done, 1 refused or failed, 2 usage, 3 stopped by a signal or a fault of its own.\n"

// app is one run of the program.
type app struct {
	con    *console.Console
	out    io.Writer
	now    func() time.Time
	chain  *registry.Registry
	opt    options
	env    func(string) string
	notes  link.Notes
	wall   func([]harden.Access) error
	walled bool // the process is shut in
	safe   bool // the air gap was checked, or that was waived loudly
	waived bundle.Waived
	loud   []string // said on every screen: what was waived
	args   []string // operands
}

// options are the flags of all commands; each command takes those it knows.
type options struct {
	link.Ends
	copying
	lawOptions
	operatorOptions
	importOptions
	multisigOptions
	ceremonyOptions
	home, passphraseFile, chain, id, in, confirm, approve, network, preset, kind, head string
	json, allowNetwork, allowSwap, testnet, replace, dice, fullScreen, rehearsal       bool
	count                                                                              int
	refuse                                                                             cli.List
}

// notGiven is a count that nobody types.
const notGiven = math.MinInt

// everywhere are the flags of every command.
func everywhere(more ...string) []string {
	return append([]string{"home", "json", "passphrase-file", "allow-network-interfaces", "allow-swap"}, more...)
}

func commands() []cli.Command[*app] {
	return append(append(append(backupCommands(), registerCommands()...), multisigCommands()...), []cli.Command[*app]{
		{Name: "init", Flags: everywhere("rehearsal"), Do: (*app).initHome},
		{Name: "wallet new", Flags: everywhere("chain", "testnet", "count", "dice", "dice-only", "show-words", "confirm-words", "show-machine", "bip39-passphrase", "transcript"), Do: (*app).walletNew},
		{Name: "wallet import", Flags: everywhere("chain", "testnet", "id", "tatum", "tatum-passphrase-file", "partial", "keystore", "keypair", "bip39-passphrase", "bip39-passphrase-file", "fingerprint"), Do: (*app).walletImport},
		{Name: "wallet list", Flags: everywhere(), Do: (*app).walletList},
		{Name: "wallet remove", Flags: everywhere(), Min: 1, Max: 1, Do: (*app).walletRemove},
		{Name: "address", Flags: everywhere("network"), Min: 1, Max: 2, Do: (*app).address},
		{Name: "pair", Flags: everywhere(link.OutFlags(link.InFlags("in", "confirm", "replace")...)...), Do: (*app).pair},
		{Name: "keys export", Flags: everywhere(link.OutFlags("id", "type")...), Do: (*app).keysExport},
		{Name: "review", Flags: everywhere(link.InFlags("refuse", "network", "clock-ok")...), Max: 1, Do: (*app).review},
		{Name: "sign", Flags: everywhere(link.OutFlags(link.InFlags("full-screen", "approve", "approval", "refuse", "network", "clock-ok")...)...), Max: 1, Do: (*app).sign},
		{Name: "approve", Flags: everywhere(link.InFlags("out", "expires", "approve", "refuse", "operator-key", "operator-passphrase-file", "network", "clock-ok")...), Max: 1, Do: (*app).approveBatch},
		{Name: "operator new", Flags: everywhere("out", "operator-passphrase-file"), Do: (*app).operatorNew},
		{Name: "resend", Flags: everywhere(link.OutFlags()...), Min: 1, Max: 1, Do: (*app).resend},
		{Name: "policy show", Flags: everywhere(), Do: (*app).policyShow},
		{Name: "policy set", Flags: everywhere("preset", "approval"), Max: 1, Do: (*app).policySet},
		{Name: "policy check", Flags: everywhere("book", "tokens"), Min: 1, Max: 1, Do: (*app).policyCheck},
		{Name: "policy test", Flags: everywhere("network"), Min: 2, Max: 2, Do: (*app).policyTest},
		{Name: "journal show", Flags: everywhere(), Do: (*app).journalShow},
		{Name: "journal verify", Flags: everywhere("head"), Max: 1, Do: (*app).journalVerify},
		{Name: "journal export", Flags: everywhere("format", "out"), Do: (*app).journalExport},
		{Name: "selftest", Flags: everywhere(), Do: (*app).selftest},
		{Name: "version", Flags: everywhere(), Do: (*app).version},
	}...)
}

// run is the whole program, for tests too; wall shuts the process in.
func run(args []string, in *os.File, out, errOut io.Writer, env func(string) string, wall func([]harden.Access) error) (code int) {
	// A panic's traceback would print arguments, keys among them.
	defer func() {
		if recover() != nil {
			code = harden.FatalExit
			cli.Report(errOut, fault.New("internal", "report it with what you did, and run \"coldsign-offline journal verify\"", "the program met a state it does not know"))
		}
	}()
	a := &app{con: &console.Console{In: in, Out: out, Err: errOut}, out: cli.Stdout{Writer: out}, now: time.Now, chain: registry.New(), env: env, wall: wall}
	a.opt.count, a.opt.expires = notGiven, 24*time.Hour
	if a.opt.home = env("COLDSIGN_HOME"); a.opt.home == "" {
		a.opt.home = filepath.Join(env("HOME"), ".coldsign", "offline")
	}
	cmd, operands, err := cli.Match(args, commands(), a.define)
	a.args = operands
	if errors.Is(err, flag.ErrHelp) {
		fmt.Fprint(out, usage+link.Help+exits)
		return cli.OK
	}
	if err == nil {
		err = cmd.Do(a)
	}
	// A script that reads one line of error gets one line; a terminal has
	// been told at once.
	if err == nil && !a.con.Terminal() {
		for _, line := range a.loud { // a script that reads one line of error gets one
			fmt.Fprintln(errOut, line)
		}
	}
	if err == nil {
		a.notes.Flush(errOut)
	}
	return cli.Report(errOut, err)
}

// print writes v as JSON, or calls text.
func (a *app) print(v any, text func(io.Writer) error) error {
	return cli.Print(a.out, a.opt.json, v, text)
}
