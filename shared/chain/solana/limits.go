package solana

// What a decoder accepts at most. A transaction is one network packet: an IPv6
// MTU of 1280 bytes less 48 of headers. Everything in it is bounded by that.
const (
	maxTransaction = 1232                      // bytes: signature count, signatures and message
	maxUnits       = 1_400_000                 // compute units that one transaction may use
	maxSeed        = 32                        // bytes of one seed of a derived address
	maxFacts       = 64                        // entries of evidence
	maxEvidence    = 2 + maxFacts*(1+3*(2+32)) // bytes of their deterministic CBOR
	maxAddressText = 44                        // base58 characters of 32 bytes
	maxKeyText     = 88                        // base58 characters of 64 bytes
	memoLine       = 500                       // bytes of a memo shown on one line, within quote.Limit
)
