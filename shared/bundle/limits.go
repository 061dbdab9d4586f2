package bundle

// Limits on what is read and written. Each is checked before memory is set
// aside for what it bounds.
const (
	MaxFile       = 256 << 20    // bytes of one bundle file
	MaxItems      = 200_000      // items of one bundle
	MaxItem       = 8 << 20      // bytes of one item's CBOR
	MaxPayload    = 4 << 20      // bytes of one unsigned transaction
	MaxKeys       = 2_000        // keys named by one request
	MaxSignatures = 2_000        // signatures in one receipt
	MaxChildren   = 10_000       // child keys of one wallet
	MaxPath       = 10           // steps of a BIP-32 path
	MaxNote       = 4096         // bytes of a note, UTF-8
	MaxRequester  = 64           // bytes of a requester's name, printable ASCII
	MaxReason     = 1024         // bytes of a reason, printable ASCII
	MaxPolicy     = 256          // bytes of a policy's and its rules' names, printable ASCII
	MaxPairing    = 1024         // bytes of a pairing file: it is read before its key is known
	MaxSequence   = 1<<63 - 1    // fits a signed column
	MaxTime       = 253402300799 // 9999-12-31T23:59:59Z, Unix seconds: still prints as a date

	maxDepth = 4  // request map, key list, key, path
	maxPairs = 16 // pairs of one item's map: the least that the CBOR library can be told
)
