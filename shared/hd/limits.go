package hd

// The fewest dice rolls that are taken: 255.9 bits of a ceremony and of dice alone, 129
// bits beside the machine's randomness.
const (
	MinRolls = 99
	FewRolls = 50
)

// Bounds, checked before anything is allocated or computed.
const (
	minSeed     = 16   // bytes; BIP-32 and SLIP-10 allow 128 to 512 bits
	maxSeed     = 64   // bytes
	rawLen      = 78   // bytes of a serialized extended key before its checksum
	encodedLen  = 111  // characters of every xpub, xprv, tpub and tprv
	maxDepth    = 255  // levels below the master key: the depth is one byte
	maxPathText = 3072 // characters: 255 levels of 11 with their slashes, and "m"
	maxText     = 1024 // bytes of a mnemonic or of its passphrase
	maxWord     = 33   // bytes of a word on a list: 11 Korean jamo

	maxRolls    = 1000 // dice rolls
	maxFaces    = 40   // chi-square of five degrees of freedom, of the faces
	maxSteps    = 50   // the same, of the steps from roll to roll
	fewRepeats  = 49   // at least one roll in so many is like the one before
	entropyRead = 32   // bytes taken from the random source at a time; taken twice
)
