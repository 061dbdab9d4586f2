package bitcoin

// Limits on what one call may name and take.
const (
	maxSources = 500   // addresses or outputs to pay from
	maxPayees  = 500   // outputs to others
	maxInputs  = 500   // of one transaction
	maxCoins   = 2_000 // outputs that are chosen from, the largest
	maxRounds  = 300   // choices that a node's answers undo
	maxText    = 150   // characters of an address, an extended key
	window     = 100   // addresses of a wallet that a withdrawal looks at together
	maxIndex   = 10_000
)

// terms are what the coins differ in. Rates are base units for 1000 virtual bytes.
type terms struct {
	dust     uint64 // the least that its nodes relay in an output
	least    uint64 // rate below which they relay nothing
	most     uint64 // rate above which an estimate is not believed, nor a fee taken
	fallback uint64 // rate when the node has no estimate
	sequence uint32 // of inputs: BIP-125 where nodes replace
	version  uint32
	mature   uint64 // confirmations of a coinbase that can be spent
}

// termsOf gives those of a KMS chain name.
func termsOf(name string) terms {
	const final, replaceable = 0xffffffff, 0xfffffffd
	switch name {
	case "LTC":
		return terms{dust: 5_460, least: 1_000, most: 1_000_000, fallback: 10_000, sequence: replaceable, version: 2, mature: 100}
	case "DOGE": // doc/fee-recommendation.md of Dogecoin Core: 0.01 DOGE for 1000 bytes, and as dust
		return terms{dust: 1_000_000, least: 100_000, most: 500_000_000, fallback: 1_000_000, sequence: final, version: 1, mature: 240}
	case "BCH":
		return terms{dust: 546, least: 1_000, most: 100_000, fallback: 2_000, sequence: final, version: 2, mature: 100}
	}
	return terms{dust: 546, least: 1_000, most: 1_000_000, fallback: 10_000, sequence: replaceable, version: 2, mature: 100}
}
