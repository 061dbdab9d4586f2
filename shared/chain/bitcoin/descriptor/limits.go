package descriptor

// Limits bound what a hostile file can make us hold or compute.
const (
	MaxFile   = 32 << 10 // bytes of a file: the same wallet in three forms, and comments
	maxText   = 8 << 10  // bytes of one descriptor: 15 keys with long origins
	maxKeys   = 15       // of a multisig: what every coordinator and signer takes
	maxOrigin = 10       // levels of an origin
	maxSteps  = 5        // levels between an extended key and its children
)
