package approve

// Limits on what is read. Each is checked before memory is set aside for what it
// bounds.
const (
	MaxStatement = 64 << 10   // bytes of a statement
	MaxSignature = 16 << 10   // bytes of a .minisig: stock comments have at most 1 and 8 KiB
	MaxKeyFile   = 1 << 10    // bytes of a secret key file
	MaxLife      = 30 * 86400 // seconds that an approval may have to live
	maxTotals    = 200        // lines of totals in a statement; the digest stands for the rest
)
