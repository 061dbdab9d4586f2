package account

const (
	maxName     = 64   // characters of a user's name
	maxCode     = 128  // characters of an enrolment code as typed
	minPassword = 12   // characters
	maxPassword = 1024 // bytes
)
