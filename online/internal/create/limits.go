package create

import "time"

const (
	maxShown  = 64  // bytes of a bad value that an error repeats
	maxNote   = 500 // bytes of one of the caller's words about a payment
	maxNumber = 100 // characters of a decimal number

	sharedTime = 10 * time.Second // for one question to the nodes, of which others wait for the answer
)
