// Package electrum has Electrum, offline, make payments that our halves sign, and sign
// the same itself: two wallets that share a key and no code agree on the transaction.
package electrum
