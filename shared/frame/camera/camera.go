// Package camera takes pictures from a camera of the computer, as a
// picture.Source.
//
//	c, err := camera.Open("/dev/video0") // or "" for the first there is
//	defer c.Close()
//	scan.Run(ctx, c, read, true, emit)
//
// It speaks V4L2 itself, on Linux only: a library would bring more code than the
// ten calls that are needed here.
package camera

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"coldsign/shared/fault"
	"coldsign/shared/frame/picture"
)

// The pixel formats that luma is taken from, by the codes of videodev2.h.
const (
	yuyv = 'Y' | 'U'<<8 | 'Y'<<16 | 'V'<<24
	mjpg = 'M' | 'J'<<8 | 'P'<<16 | 'G'<<24
	grey = 'G' | 'R'<<8 | 'E'<<16 | 'Y'<<24
	nv12 = 'N' | 'V'<<8 | '1'<<16 | '2'<<24
)

const (
	turn      = 200 * time.Millisecond // how long Close may have to wait
	silence   = 25                     // turns without a picture after which a camera is lost
	maxBad    = 100                    // damaged pictures in a row after which it is
	minRate   = 20                     // pictures a second that codes at 15 a second need
	minPixels = 320 * 240
)

// format is how a camera gives pictures.
type format struct {
	code          uint32
	width, height int
	stride        int // bytes from row to row; 0 for mjpg
	rate          int // pictures a second; 0 when not known
}

// device is a camera of the operating system.
type device interface {
	// set asks for a format, and tells which one the camera took instead.
	set(want format) (format, error)
	// frame gives the newest picture, to be used before the next call, or
	// os.ErrDeadlineExceeded when none comes.
	frame(wait time.Duration) ([]byte, error)
	Close() error
}

// Camera is a live source. A Close from another goroutine ends a Next.
type Camera struct {
	path   string
	format format

	mu    sync.Mutex // held while dev is used
	dev   device     // nil when closed
	start time.Time
	bad   int // damaged pictures in a row
}

// Open starts a camera; "" means the first that there is.
func Open(path string) (*Camera, error) {
	if path != "" {
		return open(path)
	}
	for i := range 16 {
		c, err := open(fmt.Sprint("/dev/video", i))
		if !fault.Is(err, "camera.missing") && !fault.Is(err, "camera.type") {
			return c, err
		}
	}
	return nil, missing("there is no camera")
}

func open(path string) (*Camera, error) {
	dev, err := openDevice(path)
	if err != nil {
		return nil, err
	}
	return start(path, dev)
}

func start(path string, dev device) (*Camera, error) {
	f, err := choose(path, dev)
	if err != nil {
		dev.Close()
		return nil, err
	}
	return &Camera{path: path, dev: dev, format: f}, nil
}

// choose sets the first of the formats wished for that the camera gives fast
// enough, else the best of what it offers. YUYV comes first, for decoding a JPEG
// takes longer than reading the code; but over USB 2 many cameras give it slowly.
func choose(path string, dev device) (format, error) {
	var best, got format
	score := 0
	for _, want := range []format{
		{code: yuyv, width: 1280, height: 720}, {code: mjpg, width: 1280, height: 720},
		{code: mjpg, width: 1920, height: 1080}, {code: grey, width: 1280, height: 720},
		{code: nv12, width: 1280, height: 720}, {code: yuyv, width: 640, height: 480},
	} {
		var err error
		if got, err = dev.set(want); err != nil {
			return format{}, err
		}
		s := 0
		known := got.code == yuyv || got.code == mjpg || got.code == grey || got.code == nv12
		if known && got.width <= 1<<14 && got.height <= 1<<14 && got.stride <= 1<<16 &&
			got.width*got.height >= minPixels && got.width*got.height <= picture.MaxPixels {
			s = 1
			if got.code == want.code && got.width == want.width && got.height == want.height {
				s++
			}
			if got.rate == 0 || got.rate >= minRate {
				s += 2
			}
		}
		if s == 4 {
			return got, nil
		}
		if s > score {
			score, best = s, got
		}
	}
	if score == 0 {
		return format{}, fault.New("camera.type", "use another camera", "the camera %q gives no pictures in YUYV, MJPG, GREY or NV12", path)
	}
	return dev.set(best)
}

// Format tells what the camera gives, for people.
func (c *Camera) Format() string {
	return fmt.Sprintf("%s %d by %d", []byte{byte(c.format.code), byte(c.format.code >> 8), byte(c.format.code >> 16),
		byte(c.format.code >> 24)}, c.format.width, c.format.height)
}

// Next waits for a picture that is taken from now on.
func (c *Camera) Next() (*picture.Plane, error) {
	for range silence {
		p, err := c.next()
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return p, err
		}
	}
	return nil, c.lost(errors.New("it gives no pictures"))
}

func (c *Camera) next() (*picture.Plane, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.dev == nil {
		return nil, io.EOF
	}
	data, err := c.dev.frame(turn)
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded) || fault.Code(err) != "internal":
		return nil, err
	case err != nil:
		return nil, c.lost(err)
	}
	p, err := c.plane(data)
	if err != nil {
		if c.bad++; c.bad > maxBad {
			return nil, c.lost(err)
		}
		return nil, picture.Lost(err)
	}
	if c.bad = 0; c.start.IsZero() {
		c.start = time.Now()
	}
	p.Time = time.Since(c.start)
	return p, nil
}

// plane takes the luma of a picture.
func (c *Camera) plane(data []byte) (*picture.Plane, error) {
	f := c.format
	if f.code == mjpg {
		return picture.JPEG(data)
	}
	step := 1
	if f.code == yuyv {
		step = 2
	}
	if f.stride < step*f.width || len(data) < f.stride*f.height {
		return nil, fault.New("picture.damaged", "", "a picture of %d bytes in rows of %d, too few for %s", len(data), f.stride, c.Format())
	}
	p := &picture.Plane{Width: f.width, Height: f.height, Stride: f.width, Pix: make([]byte, f.width*f.height)}
	for y := range f.height {
		row, from := p.Pix[y*f.width:][:f.width], data[y*f.stride:]
		for x := range row {
			row[x] = from[step*x]
		}
	}
	return p, nil
}

// Close ends the use of the camera.
func (c *Camera) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.dev == nil {
		return nil
	}
	dev := c.dev
	c.dev = nil
	return dev.Close()
}

func (c *Camera) lost(err error) error {
	return fault.New("camera.lost", "plug it in and run the same command again: what was read is kept",
		"the camera %q is gone: %w", c.path, err)
}

func missing(format string, args ...any) error {
	return fault.New("camera.missing", "plug it in, or name another as /dev/video1 is named", format, args...)
}
