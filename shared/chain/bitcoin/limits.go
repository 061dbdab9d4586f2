package bitcoin

// Limits bound what a hostile payload can make us hold or compute. What is over
// them is refused with the code "psbt.limits" before it is allocated.
const (
	maxPayload = 4 << 20 // bytes of a PSBT, previous transactions included
	maxBase    = 100_000 // bytes of the unsigned transaction: at 4 weight units each, what nodes relay
	maxInputs  = 2_000   // inputs of the unsigned transaction
	maxOutputs = 5_000   // outputs of the unsigned transaction
	maxSigners = 2_000   // keys whose signatures are wanted
	maxSigs    = 2_000   // signatures that the PSBT has, and as many to be made: each is verified
	maxPairs   = 20_000  // key-value pairs of one PSBT
	maxKey     = 5_000   // bytes of a PSBT key; the longest known is a control block of 4,129
	maxScript  = 10_000  // bytes of a script, as consensus has it
	maxPath    = 255     // indexes of a key origin: BIP-32 counts depth in one byte
	maxAddress = 90      // characters of an address (BIP-173)

	maxMoney    = 21_000_000 * 100_000_000  // satoshi
	maxDoge     = 1_000_000_000_000_000_000 // base units of Dogecoin: what one output may hold, and the most of all coins
	maxStandard = 400_000                   // weight units beyond which nodes do not relay
)
