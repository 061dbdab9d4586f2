// Package failpoint names the places at which a test build of this half can be made
// to end at once, as by kill -9:
//
//	go build -tags failpoint ./online
//	COLDSIGN_FAILPOINT=K8 coldsign-online serve    // ends at its first K8
//
// It can also set that build's clock. In any other build none of it exists: At is
// empty and Now is the clock.
package failpoint

// The places, by the names of the crash points of scripts/soak.
const (
	Created   = "K1"  // a row is committed, and the reply is not sent
	Intended  = "K8"  // the intent to send is committed, and nothing is sent
	Answered  = "K10" // a node has replied, and the database does not know
	Accepted  = "K11" // the database knows that a node has it
	Confirmed = "K12" // a row's completion is committed, and the reply is not sent
)
