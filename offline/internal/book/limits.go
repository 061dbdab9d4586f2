package book

// Limits on what the operators' files hold.
const (
	MaxFile     = 32 << 20 // bytes
	maxEntries  = 100_000
	maxTokens   = 10_000
	maxNetworks = 1000
	maxName     = 64 // bytes of a name, a tag or a file's name
	maxTags     = 16
	maxNote     = 256
	maxSymbol   = 16
	maxDecimal  = 36
	maxVersion  = 1 << 53
)
