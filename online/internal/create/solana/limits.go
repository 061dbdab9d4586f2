package solana

import "time"

const (
	maxText    = 100                    // bytes of an address or a signature id
	maxAccount = 64 << 10               // bytes of an account's data; a mint has 82, more with extensions
	minLife    = 10                     // blocks left with which nobody could sign in time; and 0.4 s of them is a deadline that has passed
	maxLife    = 1_000                  // blocks that a blockhash is good for; 150 in fact
	slot       = 400 * time.Millisecond // between two blocks, at least
)
