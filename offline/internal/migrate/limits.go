package migrate

// Bounds, checked before anything is allocated or computed.
const (
	MaxTatum   = 64 << 20   // bytes of a wallet.dat
	MaxFile    = 64 << 10   // bytes of a geth keystore or of a Solana keypair
	maxEntries = 250_000    // wallets of a wallet.dat, as many as a keystore holds
	maxMembers = 64         // of an object within another
	maxDepth   = 8          // of objects and arrays within each other
	maxName    = 256        // bytes of a chain's name, an xpub or an address
	maxScrypt  = 1 << 30    // bytes of memory that a geth keystore may ask for: 128 N r
	maxWork    = 1 << 24    // N r p of scrypt: eight times what geth writes
	maxRounds  = 10_000_000 // of PBKDF2
	maxKey     = 64         // bytes of a derived key
	maxSalt    = 256        // bytes
	maxParts   = 64         // r and p of scrypt
)
