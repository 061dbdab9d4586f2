package scan

import "time"

// Limits on what is read.
const (
	MaxLine = 1 << 20 // bytes of one line: a PSBT of many inputs in base64 fits, a code has at most 7,089

	patience     = 10 * time.Second // for one picture; it takes milliseconds
	maxAbandoned = 3                // pictures that were not waited for: each keeps a core busy
)
