// Package migrate reads the key files of other tools: the wallet.dat of tatum-kms,
// keystores of geth (version 3), and the keypairs of Solana's command line.
//
//	memory.Do(func() { err = migrate.Tatum(file, passphrase, func(e migrate.Entry) error { ... }) })
//
// What is decrypted stays within the bytes that were given, which are cleared before
// a function returns: what an Entry holds is valid until then. Everything runs in
// memory.Do, so that what else is left on stack and heap is erased.
//
// No error shows a byte of a file's content.
package migrate

import (
	"coldsign/shared/fault"
)

// Entry is one wallet of another tool's file.
type Entry struct {
	ID      []byte // signature id as written
	Chain   string // KMS chain name as written
	Testnet bool
	Words   []byte // a mnemonic, which may never have been checked
	Key     []byte // a private key in the chain's own text form
	XPub    string // what the file says that the secret gives; may be empty
	Address string
	Err     error // why it cannot be taken, with code wallet.corrupt; nil if it can be
}

// WrongAddress tells whether tatum-kms prints addresses of a chain that are not those
// of its keys. It derives those of EGLD from the empty mnemonic: they are the same
// for everybody, and so is the key.
func WrongAddress(chain string) bool { return chain == "EGLD" }

func wrongPassphrase() error {
	return fault.New("wallet.passphrase", "type it again", "wrong passphrase, or the file is damaged from its first byte on")
}

func corrupt(format string, args ...any) error {
	return fault.New("wallet.corrupt", "copy the file again, or take a backup of it", format, args...)
}
