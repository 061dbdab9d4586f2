package evm

// Bounds on what Decode reads, checked before anything is copied. The RLP
// reader does not recurse: it goes as deep as the caller asks, four lists.
const (
	// maxPayload is the size above which nodes drop a transaction (geth's
	// txMaxSize), bytes.
	maxPayload = 128 << 10
	// maxAccess is the most entries of an access list, and the most storage
	// keys in all of them: a person has to read each one.
	maxAccess = 256
	// maxGas is the most gas that a block may have (2^63-1), and so a transaction.
	maxGas = 1<<63 - 1
	// maxChainID is EIP-2294's bound, so that the v of EIP-155 fits 64 bits.
	maxChainID = 1<<63 - 1 - 36
)
