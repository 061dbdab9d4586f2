package main

import (
	"flag"
	"strings"
	"time"

	"coldsign/shared/cli"
)

// flags tells where the value of each flag goes. What is there is its default.
func (o *options) flags() map[string]any {
	return map[string]any{
		"home": &o.home, "json": &o.json, "passphrase-file": &o.passphraseFile, "allow-network-interfaces": &o.allowNetwork, "allow-swap": &o.allowSwap,
		"rehearsal": &o.rehearsal, "chain": &o.chain, "testnet": &o.testnet, "count": &o.count, "id": &o.id, "network": &o.network,
		"in": &o.in, "confirm": &o.confirm, "replace": &o.replace, "type": &o.kind, "preset": &o.preset, "head": &o.head,
		"approve": &o.approve, "refuse": &o.refuse, "full-screen": &o.fullScreen,
		// The operators and their files.
		"book": &o.book, "tokens": &o.tokens, "clock-ok": &o.clockOK,
		"approval": &o.approval, "operator-key": &o.operatorKey, "operator-passphrase-file": &o.operatorPass, "expires": &o.expires,
		"name": &o.name, "account": &o.account, "nested": &o.nested,
		// New keys.
		"dice": &o.dice, "dice-only": &o.diceOnly, "show-words": &o.showWords, "confirm-words": &o.confirmWords, "show-machine": &o.showMachine,
		"bip39-passphrase": &o.bip39, "bip39-passphrase-file": &o.bip39File, "fingerprint": &o.fingerprint, "transcript": &o.transcript,
		// Those of other tools, and copies.
		"tatum": &o.tatum, "tatum-passphrase-file": &o.tatumPass, "keystore": &o.geth, "keypair": &o.keypair, "partial": &o.partial,
		"new-passphrase": &o.newPassphrase, "new-passphrase-file": &o.newPassphraseFile,
		"shares": &o.shares, "shares in": &o.typedShares, "shares-dir": &o.sharesDir, "share-qr": &o.shareQR,
	}
}

// define adds the flag with the given name to fs. Of a command that reads, "shares in"
// is --shares, which takes no value.
func (a *app) define(fs *flag.FlagSet, name string) {
	shown := strings.TrimSuffix(name, " in")
	if a.opt.Ends.Define(fs, name) || fs.Lookup(shown) != nil {
		return
	}
	switch to := a.opt.flags()[name].(type) {
	case *string:
		fs.StringVar(to, shown, *to, "")
	case *bool:
		fs.BoolVar(to, shown, *to, "")
	case *int:
		fs.IntVar(to, shown, *to, "")
	case *time.Duration:
		fs.DurationVar(to, shown, *to, "")
	case *cli.List:
		fs.Var(to, shown, "")
	}
}
