package strictjson

// Bounds on what Parse reads. How long the document may be is the caller's to
// say: it has read it already.
const (
	// Depth is the most levels of arrays and objects.
	Depth = 32
	// maxNumber is the longest text of a number: 2^256 has 78 digits.
	maxNumber = 128
	// maxMembers is the most members of one object. The largest record has 12.
	maxMembers = 64
	// maxValues is the most values of one document, about 7 MB of memory; a list
	// of 25,000 ids or a payment of 5,000 outputs is well below.
	maxValues = 100_000
)
