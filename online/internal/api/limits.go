package api

import "time"

const (
	maxHeader       = 16 << 10 // bytes of all request headers
	maxPoll         = 2 << 20  // bytes of a poll's body: 25,000 ids are about 1 MB
	maxSubmit       = 8 << 20  // bytes of a submission's body
	maxReplace      = 4 << 10  // bytes of the body of a replacement
	maxCreate       = 1 << 20  // bytes of the body of a creation call
	maxSubscription = 4 << 10  // bytes of the body of a subscription
	maxHook         = 500      // bytes of a receiver's address, the documented limit
	maxHMAC         = 100      // characters of hmacSecret, the documented limit
	maxHookPage     = 50       // subscriptions or events of one page, the documented limit
	maxTestnet      = 64       // bytes of x-testnet-type
	maxAsk          = 16 << 10 // bytes of the body of a look-up; a Solana transaction has 1,232
	maxReports      = 1_000    // errors of one report
	maxReport       = 1_000    // bytes that are kept of an error
	maxIDs          = 25_000   // signature ids of one poll, the documented limit
	maxKeyText      = 128      // characters of an API key; ours have fewer
	maxPage         = 1_000    // rows of one page of GET /v1/transactions
	maxEntries      = 100      // fields that one 400 lists
	maxValue        = 128      // bytes of a bad value that a 400 shows

	headerTime = 5 * time.Second // for all headers: what a slow client can hold a connection for
	readTime   = 30 * time.Second
	writeTime  = 60 * time.Second
	idleTime   = 60 * time.Second
	callTime   = 30 * time.Second // for the work itself
)
