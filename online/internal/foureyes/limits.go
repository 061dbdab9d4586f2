package foureyes

import "time"

// Limits on what a service can make us wait for and hold.
const (
	timeout   = 10 * time.Second // of one question: people answer at a later export
	maxAnswer = 64 << 10         // bytes
	maxReason = 200              // bytes of a reason that is shown
)
