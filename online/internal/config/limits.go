package config

// Limits on what is read, in bytes, and on the depth of a transaction.
const (
	maxFile     = 1 << 20
	maxPassword = 4 << 10
	maxDepth    = 100_000
)
