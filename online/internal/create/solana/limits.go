package solana

import "time"

const (
	maxText    = 100                    // bytes of an address or a signature id
	maxAccount = 64 << 10               // bytes of an account's data; a mint has 82, more with extensions
	maxLife    = 1_000                  // blocks that a blockhash is good for; 150 in fact
	slot       = 400 * time.Millisecond // between two blocks, at least
)
