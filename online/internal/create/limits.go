package create

import "time"

const (
	maxWallets = 500 // that pay together
	maxChain   = 16  // bytes of the name of a chain
	maxShown   = 64  // bytes of a bad value that an error repeats
	maxNote    = 500 // bytes of one of the caller's words about a payment
	maxNumber  = 100 // characters of a decimal number

	sharedTime = 10 * time.Second // for one question to the nodes, of which others wait for the answer
)
