package reader

// Limits on the work that one picture can cause.
const (
	MaxPixels = 25_000_000 // of a picture; a larger one is not read

	maxCandidates = 64 // places that look like a finder pattern
	maxTriples    = 96 // triples of them that are looked at more closely
	maxDecodes    = 24 // symbols that are sampled and decoded in one acquisition
	maxTracks     = 16 // symbols followed from picture to picture
	maxMissed     = 20 // pictures that a symbol is followed for without reading it
	rescan        = 16 // pictures between two looks for symbols that are not yet followed
	minRounds     = 3  // of undoing the blur harder
	maxRounds     = 12 // while that still corrects more blocks
)
