package desk

import "time"

const (
	maxForm    = 64 << 10 // bytes of a form
	maxRaw     = 8 << 20  // bytes of a form with a transaction in it
	maxBook    = 1 << 20  // bytes of the form of an address book
	maxEntries = 200      // recipients on its page
	maxWallets = 500      // on one page
	maxKeyName = 64       // characters of a passkey's name
	maxCookie  = 64       // characters of our cookie
	maxShown   = 8 << 10  // bytes of a transaction on a page
	maxSearch  = 128      // characters of a search

	idle    = 30 * time.Minute // without a request, a session ends
	whole   = 12 * time.Hour   // and after that time in any case
	enrol   = 24 * time.Hour   // for which an enrolment code is taken
	ticket  = 5 * time.Minute  // for the authenticator's answer
	recent  = 10 * time.Minute // from a login on, for adding a passkey
	work    = 30 * time.Second // for one request
	hard    = 15 * time.Minute // for one that a bundle of 200,000 goes through: 10,000 take about 9 s
	wait    = 2 * time.Second  // for a place among the passwords being looked at
	atOnce  = 2                // of them: each takes 64 MiB
	tries   = 10               // of logging in, from one address, at once
	refill  = 6 * time.Second  // after which one more
	sources = 10_000           // addresses that are remembered
)
