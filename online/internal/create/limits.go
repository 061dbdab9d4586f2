package create

const (
	maxShown  = 64  // bytes of a bad value that an error repeats
	maxNote   = 500 // bytes of one of the caller's words about a payment
	maxNumber = 100 // characters of a decimal number
)
