package picture

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"image/png"
	"io"
	"os"
	"strings"

	"coldsign/shared/durable"
	"coldsign/shared/fault"
)

// Open opens a folder, an image or a video; "-" means standard input. The closer
// ends a Next that waits for a file, and is never nil without an error.
func Open(name string, stdin io.Reader) (Source, io.Closer, error) {
	if name == "-" {
		src, err := New(stdin)
		return src, io.NopCloser(nil), err
	}
	if info, err := os.Lstat(name); err == nil && info.IsDir() {
		f, err := newFolder(name)
		if err != nil {
			return nil, nil, err
		}
		return f, f, nil
	}
	return openFile(name)
}

// openFile opens one file: a folder in its place is refused.
func openFile(name string) (Source, io.Closer, error) {
	f, _, err := durable.Open(name)
	if err != nil {
		return nil, nil, err
	}
	src, err := New(f)
	if err != nil {
		f.Close()
		return nil, nil, fmt.Errorf("%q: %w", name, err)
	}
	return src, f, nil
}

// New reads pictures from r: PNG, JPEG, GIF, MJPEG (JPEGs one after the other),
// Y4M or PGM (P5, one after the other).
func New(r io.Reader) (Source, error) {
	b := bufio.NewReader(r)
	start, err := b.Peek(10)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, unreadable(err)
	}
	switch s := string(start); {
	case strings.HasPrefix(s, "\x89PNG\r\n\x1a\n"):
		return newPNG(b)
	case strings.HasPrefix(s, "\xff\xd8\xff"):
		return newMJPEG(b), nil
	case strings.HasPrefix(s, "GIF87a"), strings.HasPrefix(s, "GIF89a"):
		return newGIF(b)
	case strings.HasPrefix(s, "YUV4MPEG2 "):
		return newY4M(b)
	case len(s) > 2 && s[:2] == "P5" && strings.Contains(" \t\r\n", s[2:3]):
		return newPGM(b)
	}
	return nil, fault.New("picture.format",
		"give PNG, JPEG, GIF, MJPEG, Y4M or PGM: ffmpeg -i FILE -pix_fmt gray -f yuv4mpegpipe - makes Y4M of most others",
		"no picture or video that can be read")
}

// still is the source of one picture.
type still struct{ p *Plane }

func (s *still) Next() (*Plane, error) {
	if s.p == nil {
		return nil, io.EOF
	}
	p := s.p
	s.p = nil
	return p, nil
}

func newPNG(r *bufio.Reader) (Source, error) {
	start, err := r.Peek(24) // the header chunk comes first, its size before all else
	if err == nil {
		err = bounded(int(binary.BigEndian.Uint32(start[16:])), int(binary.BigEndian.Uint32(start[20:])))
	}
	if fault.Is(err, "picture.size") {
		return nil, err
	}
	img, err := png.Decode(io.LimitReader(r, MaxFile))
	if err != nil {
		return nil, fault.New("picture.damaged", "", "a PNG is damaged: %w", err)
	}
	return &still{Grey(img)}, nil
}
