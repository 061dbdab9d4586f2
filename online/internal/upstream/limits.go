package upstream

import "time"

// Limits on what an upstream can make us wait for, hold and do.
const (
	maxIDs    = 25_000   // signature ids of one poll: what the API takes
	maxRows   = 25_000   // records of one list that are read
	maxList   = 64 << 20 // bytes of a list
	maxAnswer = 16 << 20 // bytes of any other answer; a record holds up to 8 MiB
	maxText   = 2_000    // bytes of a failure that is reported
	maxGone   = 64       // rows of a network that are asked for in one round, because the list lacks them
	maxTell   = 256      // rows whose end is told in one round

	maxGas = 30_000_000 // that a node may estimate

	timeout     = 30 * time.Second // of one call, the whole answer included
	listTimeout = time.Minute      // the same of a list

	misses     = 3               // records in a row without an answer of the node, after which it is left alone for the round
	nonces     = 16              // that are tried for one record
	maxBackoff = 5 * time.Minute // between polls of an upstream that does not answer well
	tellEvery  = 30 * time.Second

	blockhashLife = 80 * time.Second // after which nothing with a blockhash of now is begun: 150 slots take about 60 s
)
