package frame

// Limits on what a Joiner holds, whatever is shown to it.
const (
	maxMemory   = 256 << 20 // bytes of native frames
	maxText     = 4296      // characters: what a version 40 symbol holds at level L
	maxNotes    = 64        // different things in view that are told
	maxTextFile = 16 << 20  // bytes of a file with the texts of codes

	MaxState = 320 << 20 // bytes of a saved scan
)
