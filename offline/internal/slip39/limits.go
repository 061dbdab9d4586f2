package slip39

// Bounds, checked before anything is allocated or computed.
const (
	minSecret   = 16   // bytes: 128 bits
	maxSecret   = 32   // bytes: the standard has no end, nobody needs more
	minWords    = 20   // of a secret of 128 bits
	maxWords    = 33   // of one of 256
	maxWord     = 8    // letters
	maxText     = 1024 // bytes of a share's text
	maxGroups   = 16
	maxMembers  = 16 // of a group
	maxShares   = maxGroups * maxMembers
	maxExponent = 8  // of shares that are combined: 2,560,000 iterations, a second or two
	maxPlan     = 96 // bytes of a plan's text: 16 groups
	maxPhrase   = 256
)
