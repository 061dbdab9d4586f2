// Package picture holds the grey pictures that codes are read from, and where
// they come from: image files and folders, GIF and video files, pipes.
//
//	src, closer, err := picture.Open("frames/", os.Stdin)
//	for {
//		p, err := src.Next() // io.EOF after the last
//	}
//
// What a name holds is told by its first bytes, never by its ending. Pictures
// come from strangers: sizes are capped before anything is decoded, and links,
// FIFOs and devices are refused.
package picture

import (
	"errors"
	"time"

	"coldsign/shared/fault"
)

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

type lost struct{ error }

func (lost) Skip() bool      { return true }
func (l lost) Unwrap() error { return l.error }

// Lost marks err as the loss of one picture, after which the source goes on.
func Lost(err error) error { return lost{err} }

// IsLost reports whether err is the loss of one picture only.
func IsLost(err error) bool {
	s, ok := errors.AsType[interface {
		error
		Skip() bool
	}](err)
	return ok && s.Skip()
}

func damaged(format string, args ...any) error {
	return Lost(fault.New("picture.damaged", "", format, args...))
}

// bounded refuses a picture that is too large to decode.
func bounded(width, height int) error {
	if width < 1 || height < 1 || width > MaxPixels || height > MaxPixels || int64(width)*int64(height) > MaxPixels {
		return fault.New("picture.size", "", "a picture of %d by %d pixels is empty or has more than the %d allowed",
			width, height, MaxPixels)
	}
	return nil
}

func blank(width, height int) *Plane {
	return &Plane{Width: width, Height: height, Stride: width, Pix: make([]byte, width*height)}
}
