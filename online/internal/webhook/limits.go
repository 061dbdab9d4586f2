package webhook

import "time"

const (
	maxURL    = 500      // bytes, as the KMS API documents
	maxReply  = 4 << 10  // bytes read of a receiver's answer, which nobody looks at
	maxHeader = 16 << 10 // bytes of its headers
	attempt   = 10 * time.Second

	batch     = 10               // events of one receiver at a time
	batchTime = 40 * time.Second // after which no further one begins; the lease is a minute
	workers   = 4                // receivers told at the same time, by one server
	idle      = time.Second      // between looks for events that are due

	firstWait   = 5 * time.Second
	longestWait = 4 * time.Hour
	maxAttempts = 24 // over two to three days

	keep = 30 * 24 * time.Hour // for which delivered events are kept
)
