package signer

import "time"

const (
	chainClock = 10 * time.Minute // that a chain's clock may be late

	MaxAnswer = 1 << 20 // bytes of a node's answer that are passed on
	maxTwins  = 1_000   // open rows that a transaction is compared with
)
