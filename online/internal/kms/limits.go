package kms

const (
	// maxRecord is the longest record that is read, in bytes: what a submission
	// may be in all.
	maxRecord = 8 << 20
	// maxInputs and maxOutputs are the codec's, so that sums of amounts, each at
	// most 21 million bitcoin, stay below 2^64.
	maxInputs  = 2_000
	maxOutputs = 5_000
)
