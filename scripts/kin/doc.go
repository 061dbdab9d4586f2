// Package kin pays on each network of Ethereum's kin, and on one that the operators
// have added, with real nodes of those chain ids behind both halves.
package kin
