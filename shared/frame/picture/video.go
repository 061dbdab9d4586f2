package picture

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"time"

	"coldsign/shared/fault"
)

// raw gives pictures that are not compressed: Y4M and PGM.
type raw struct {
	r             *bufio.Reader
	name          string
	width, height int
	chroma        int                 // bytes after the luma
	interval      time.Duration       // between two pictures
	header        func() (int, error) // measures the one ahead of each picture
	shown         int
}

func (w *raw) Next() (*Plane, error) {
	if _, err := w.r.Peek(1); err != nil {
		return nil, ended(err)
	}
	n, err := w.header()
	if err != nil {
		return nil, err
	}
	_, err = w.r.Discard(n)
	p := blank(w.width, w.height)
	if err == nil {
		_, err = io.ReadFull(w.r, p.Pix)
	}
	if err == nil {
		_, err = w.r.Discard(w.chroma)
	}
	if err != nil {
		return nil, cutShort(w.r, w.name, err)
	}
	p.Time = time.Duration(w.shown) * w.interval
	w.shown++
	return p, nil
}

// newY4M reads YUV4MPEG2: one header line, then each picture behind a line
// "FRAME". The luma is taken as it is, be its range 0 to 255 or 16 to 235.
func newY4M(r *bufio.Reader) (Source, error) {
	w := &raw{r: r, name: "Y4M", interval: interval}
	head, err := w.line()
	if err != nil {
		return nil, err
	}
	space := "420"
	for _, tag := range strings.Fields(string(head))[1:] {
		switch value := tag[1:]; tag[0] {
		case 'W':
			w.width, _ = strconv.Atoi(value)
		case 'H':
			w.height, _ = strconv.Atoi(value)
		case 'C':
			space = value
		case 'F':
			var n, d int64
			if _, err := fmt.Sscanf(value, "%d:%d", &n, &d); err == nil && n > 0 && n <= 1e6 && d > 0 && d <= 60*n {
				w.interval = time.Second * time.Duration(d) / time.Duration(n)
			}
		}
	}
	if err := bounded(w.width, w.height); err != nil {
		return nil, err
	}
	half := (w.width + 1) / 2
	switch space {
	case "mono":
	case "420", "420jpeg", "420mpeg2", "420paldv":
		w.chroma = 2 * half * ((w.height + 1) / 2)
	case "422":
		w.chroma = 2 * half * w.height
	case "444":
		w.chroma = 2 * w.width * w.height
	default:
		return nil, fault.New("picture.format", "use mono, 420, 422 or 444 at 8 bits (ffmpeg: -pix_fmt gray)",
			"a Y4M of the colour space %q", space)
	}
	w.header = func() (int, error) {
		line, err := w.line()
		if err == nil && !bytes.HasPrefix(line, []byte("FRAME")) {
			err = w.damaged()
		}
		return len(line), err
	}
	_, err = r.Discard(len(head))
	return w, err
}

// line looks at the next line, its end included.
func (w *raw) line() ([]byte, error) {
	b, err := w.r.Peek(maxHeader)
	if i := bytes.IndexByte(b, '\n'); i >= 0 {
		return b[:i+1], nil
	}
	if err != nil {
		return nil, cutShort(w.r, w.name, err)
	}
	return nil, w.damaged()
}

func (w *raw) damaged() error {
	return fault.New("picture.damaged", "", "a %s is damaged: no header where picture %d should start", w.name, w.shown+1)
}

// newPGM reads binary PGM pictures (P5), one after the other, as image2pipe of
// ffmpeg makes them.
func newPGM(r *bufio.Reader) (Source, error) {
	head := regexp.MustCompile(`^P5\s+(?:#[^\n]*\n\s*)*(\d{1,5})\s+(\d{1,5})\s+255\s`)
	w := &raw{r: r, name: "PGM", interval: interval}
	w.header = func() (int, error) {
		b, err := r.Peek(maxHeader)
		if err != nil && !errors.Is(err, io.EOF) {
			return 0, unreadable(err)
		}
		m := head.FindSubmatch(b)
		if m == nil {
			return 0, fault.New("picture.format", "use 8 bits (ffmpeg: -pix_fmt gray)", "picture %d is no PGM (P5) whose white is 255", w.shown+1)
		}
		w.width, _ = strconv.Atoi(string(m[1]))
		w.height, _ = strconv.Atoi(string(m[2]))
		return len(m[0]), bounded(w.width, w.height)
	}
	return w, nil
}

// ended is the error of a source whose reader gives err between two pictures.
func ended(err error) error {
	if err == nil || errors.Is(err, io.EOF) {
		return io.EOF
	}
	return unreadable(err)
}

// cutShort is the error of a source whose reader gives err within a picture: one
// that ends loses its last picture, and then is at its end.
func cutShort(r *bufio.Reader, name string, err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		r.Reset(strings.NewReader(""))
		return damaged("a %s is cut short: its last picture is lost", name)
	}
	if fault.Code(err) != "internal" {
		return err
	}
	return unreadable(err)
}

// unreadable is the error of a source that cannot be read.
func unreadable(err error) error {
	return fault.New("file.read", "", "cannot read pictures: %w", err)
}
