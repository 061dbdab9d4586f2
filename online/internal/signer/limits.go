package signer

const (
	MaxAnswer = 1 << 20 // bytes of a node's answer that are passed on
	maxTwins  = 1_000   // open rows that a transaction is compared with
)
