package config

import "time"

// Limits on what is read, in bytes, on the depth of a transaction, on nodes, and on
// services.
const (
	minKey      = 43 // characters of an API key in a file
	maxKey      = 128
	maxFile     = 1 << 20
	maxPassword = 4 << 10
	maxDepth    = 100_000
	maxNodes    = 16 // of one network
	maxLabel    = 64 // of a node's name
	maxQuota    = 10_000_000

	minPeriod, defaultPeriod, maxPeriod = time.Second, 10 * time.Second, time.Hour // between polls

	minSecret = 16 // characters of an HMAC key
)
