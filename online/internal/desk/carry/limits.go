package carry

import (
	"time"

	"coldsign/shared/bundle"
)

// Limits on what pages can make this process hold or do. Each is checked before
// memory is set aside for what it bounds.
const (
	MaxFile = bundle.MaxFile // bytes of a file that comes in

	maxBody    = 1 << 20          // bytes of a JSON body; 200,000 ids do not fit, "all" does
	maxPixels  = 3840 * 2160      // of one picture of a camera
	maxPicture = 8 << 20          // bytes of a picture that came as JPEG
	maxFiles   = 2                // in memory at once, each of up to MaxFile
	maxHeld    = 8                // pictures in memory, two of each page that scans
	maxScans   = 4                // under way at once; the one that rested longest makes room
	maxStreams = 6                // messages cut into codes that are kept
	maxFrames  = 240              // codes in one answer: 15 a second in 3 by 2, for 2.6 s
	maxNumber  = 1 << 32          // of a code of a stream
	maxLine    = 8 << 10          // bytes of a native code as a line: the largest has 4,500
	maxNotes   = 8                // things in view that one answer tells
	maxList    = 1 << 20          // characters of a list of missing pieces
	maxWatched = 500              // transactions that one page follows live
	maxWatches = 64               // pages that follow at once
	watchTime  = 5 * time.Minute  // after which a page asks again
	bundleTime = 72 * time.Hour   // after which the offline half refuses a bundle, as of "export"
	beat       = 15 * time.Second // between two signs of life
	look       = time.Second      // between two looks at the rows

	placeTime   = 5 * time.Second  // for a place among the pictures
	pictureTime = 10 * time.Second // for its bytes to arrive
	restTime    = time.Minute      // more than answering takes
	filmTime    = 3 * time.Minute  // for the pictures of one file: a thousand of 4K take less
)
