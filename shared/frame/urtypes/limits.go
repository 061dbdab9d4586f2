package urtypes

// Limits of what is read and written. Each is checked before memory is set aside
// for what it bounds.
const (
	MaxBytes  = 4 << 20 // CBOR of a PSBT or of plain bytes
	MaxItem   = 1 << 20 // CBOR of everything else
	MaxList   = 1000    // requests, signatures, keys or outputs of one item
	MaxSteps  = 10      // steps of a key path
	MaxText   = 256     // bytes of a name, an origin and the like
	MaxSource = 4096    // bytes of the text of an output descriptor

	maxDepth = 20 // an account of nested outputs of version 1 has 14 levels
	maxPairs = 16 // pairs of one map: the least that the CBOR library can be told
)
