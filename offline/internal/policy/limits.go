package policy

// Limits on a policy file.
const (
	MaxFile    = 1 << 20 // bytes
	maxRules   = 1000
	maxWallets = 100_000 // of all groups and rules together
	maxList    = 10_000  // destinations, calls or approvals of a rule
	maxName    = 48      // bytes of a rule's or the policy's name: receipts hold them
	maxHours   = 24 * 366
	maxBits    = 256 // of an amount
	maxVersion = 1 << 53
	maxWords   = 32  // operators
	maxBy      = 240 // bytes of Verdict.By: what a receipt holds
)
