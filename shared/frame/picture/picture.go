// Package picture holds the grey pictures that codes are read from, and where
// they come from: image files and folders, GIF and video files, pipes.
package picture

import "time"

// Plane is one grey picture: 8 bits a pixel, 0 black, row by row from the top
// left. Who gets one from a Source owns it.
type Plane struct {
	Width, Height int
	Stride        int           // bytes from one row to the next, at least Width
	Pix           []byte        // at least Stride*(Height-1)+Width bytes
	Time          time.Duration // since the first picture of its source
}

// Source gives pictures one after the other, and io.EOF after the last. Another
// error is final too, but for one that says Skip() bool: then the picture is
// lost and the next may be fine.
type Source interface {
	Next() (*Plane, error)
}
