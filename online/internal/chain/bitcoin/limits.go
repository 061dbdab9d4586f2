package bitcoin

// Limits on what is asked of a node and taken from it.
const (
	maxOutputs = 16      // of one transaction, looked up
	maxInputs  = 64      // of one transaction, looked up
	maxBlock   = 9 << 20 // bytes of one answer: a block of 4 MB in hex
	perLook    = 48      // blocks that are searched in one look
	maxBack    = 4032    // blocks below the first search in which a spender is looked for: four weeks
	maxTrails  = 10_000  // inputs whose search is remembered
	maxWatched = 100_000 // addresses that a node's wallet is known to watch

	historyPage = 100    // transactions of an address, read at once
	maxHistory  = 10_000 // and in all
	blocksSoon  = 6      // within which a fee is to get a transaction into the chain
)
