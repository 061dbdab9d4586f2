package config

// Limits on what is read, in bytes, on the depth of a transaction, and on nodes.
const (
	maxFile     = 1 << 20
	maxPassword = 4 << 10
	maxDepth    = 100_000
	maxNodes    = 16 // of one network
	maxLabel    = 64 // of a node's name
)
