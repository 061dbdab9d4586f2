package evm

import "time"

const (
	maxCurrency = 16        // bytes of the name of a token
	maxAddress  = 64        // bytes of an address
	maxRepeated = 43        // bytes of a bad address that an error repeats: what is longer may be a private key
	maxDigits   = 30        // decimals of a token
	maxData     = 100 << 10 // bytes of data: a node takes no transaction of more than 128 KiB
	maxLane     = 50_000    // nonces of one account that are reserved and not yet mined
	maxGas      = 30_000_000

	attempts = 8 // of a creation that others are faster than, before the node is asked anew

	nonceAge = time.Second      // for how long a node's count of an account is used
	minedAge = 10 * time.Minute // for how long a node that shows fewer is taken to lag
	priceAge = 2 * time.Second  // for how long a price is
	gasAge   = time.Minute      // for how long a plain transfer to an address is known to need so much gas
	tokenAge = time.Hour        // for how long a token's decimals are known
	maxNoted = 10_000           // addresses and tokens that are remembered
)
