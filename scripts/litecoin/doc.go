// Package litecoin tests both halves with litecoind, which is Bitcoin Core's code:
// its watch-only descriptor wallet coordinates, its node takes what was signed.
package litecoin
