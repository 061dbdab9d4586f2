// Package e2e has the tests that run both halves against real nodes:
//
//	go test ./scripts/e2e
//
// One pair of homes and one node of each chain serve all tests, which therefore
// run one after another. Every offline command costs about a second, the time
// that the passphrase's key derivation takes.
package e2e
