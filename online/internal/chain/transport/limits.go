package transport

import "time"

// Limits on what a node can make us wait for and hold.
const (
	Timeout   = 10 * time.Second // of one call, the whole body included
	MaxBody   = 4 << 20          // bytes of one answer, once unpacked
	maxHeader = 64 << 10         // bytes of an answer's headers
)
