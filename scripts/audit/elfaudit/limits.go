package elfaudit

// Bounds on what the audit takes in. The file comes from outside: a table's
// length is held against them, and against the file's own size, before memory
// is asked for.
const (
	MaxFile      = 256 << 20 // bytes; the release binaries have under 16 MiB
	maxSegments  = 64
	maxFunctions = 1 << 20
	maxName      = 1 << 16    // bytes of one function's name; instantiated generics are long
	maxSteps     = 50_000_000 // of following what is known through functions, in all; a release binary takes some 16,000
	maxFindings  = 10_000     // more are counted, not kept
)
