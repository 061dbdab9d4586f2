package document

// Limits, each checked before the TOML library sees the text. Its parser recurses
// with depth and works quadratically on dotted keys.
const (
	maxDepth = 4    // brackets within brackets
	maxDots  = 8    // outside strings on a line
	perChunk = 1000 // records that are decoded together: large tables get slow
)
