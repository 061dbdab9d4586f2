// Package peers reads pictures with other people's readers, for comparison: zbar
// and zxing-cpp by their command lines, gozxing in process.
package peers

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/makiuchi-d/gozxing"
	"github.com/makiuchi-d/gozxing/qrcode"

	"coldsign/shared/frame/picture"
)

// Picture is a picture and the bytes that a reader should find in it.
type Picture struct {
	Plane   *picture.Plane
	Payload []byte
}

// Score is what a reader did with some pictures.
type Score struct {
	Read  []bool
	Time  time.Duration // of CPU, for all of them
	Wrong int           // bytes that were in no picture
}

// Tool is a reader with a command line that takes many files and writes the
// bytes of what it found to its output.
type Tool struct {
	Name, Command string
	Flags         []string
	Loading       []string // flags that leave little but the loading of files
}

// ZBar and ZXing are the readers as Debian packages them.
func ZBar() Tool {
	quiet := []string{"--nodbus", "-q", "--raw", "-Sbinary"}
	return Tool{"zbar", "zbarimg", append(quiet, "-Sdisable", "-Sqrcode.enable"),
		append(quiet, "-Sdisable", "-Sx-density=0", "-Sy-density=0")}
}

// ZXing is zxing-cpp.
func ZXing() Tool {
	return Tool{"zxing-cpp", "ZXingReader", []string{"-bytes", "-format", "QRCode"},
		[]string{"-bytes", "-format", "MaxiCode", "-ispure", "-norotate", "-noscale"}}
}

// Missing reports whether the tool is not installed.
func (t Tool) Missing() bool {
	_, err := exec.LookPath(t.Command)
	return err != nil
}

// Score reads the pictures with one process. If it is timed, the time that the
// same process takes to load them is left out.
func (t Tool) Score(pictures []Picture, timed bool) (Score, error) {
	dir, err := os.MkdirTemp("", "coldsign-optics-")
	if err != nil {
		return Score{}, err
	}
	defer os.RemoveAll(dir)
	var files []string
	for i, p := range pictures {
		name := filepath.Join(dir, fmt.Sprintf("%04d.pgm", i))
		if err := os.WriteFile(name, PGM(p.Plane), 0o600); err != nil {
			return Score{}, err
		}
		files = append(files, name)
	}
	out, took, err := t.run(t.Flags, files)
	if err != nil {
		return Score{}, err
	}
	s := Score{Read: make([]bool, len(pictures)), Time: took}
	if timed {
		_, loading, err := t.run(t.Loading, files)
		if err != nil {
			return Score{}, err
		}
		s.Time -= loading
	}
	s.Wrong = len(out)
	for i, p := range pictures {
		if s.Read[i] = bytes.Contains(out, p.Payload); s.Read[i] {
			s.Wrong -= len(p.Payload)
		}
	}
	return s, nil
}

// run ignores the exit status: it says that nothing was found in some file. What
// the kernel does is the reading of files.
func (t Tool) run(flags, files []string) ([]byte, time.Duration, error) {
	cmd := exec.Command(t.Command, append(append([]string(nil), flags...), files...)...)
	cmd.Env = append(os.Environ(), "MAGICK_THREAD_LIMIT=1", "OMP_NUM_THREADS=1") // for zbarimg
	out, err := cmd.Output()
	if _, exited := err.(*exec.ExitError); err != nil && !exited {
		return nil, 0, err
	}
	return out, cmd.ProcessState.UserTime(), nil
}

// PGM is the picture as a portable grey map.
func PGM(p *picture.Plane) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "P5\n%d %d\n255\n", p.Width, p.Height)
	for y := range p.Height {
		b.Write(p.Pix[y*p.Stride : y*p.Stride+p.Width])
	}
	return b.Bytes()
}

// GoZXing reads the pictures with gozxing, as hard as it tries.
func GoZXing(pictures []Picture) Score {
	s := Score{Read: make([]bool, len(pictures))}
	start := CPU()
	for i, p := range pictures {
		got, err := GoZXingRead(p.Plane)
		s.Read[i] = err == nil && bytes.Equal(got, p.Payload)
	}
	s.Time = CPU() - start
	return s
}

// GoZXingRead reads one symbol of one byte segment. The text that gozxing gives
// is guessed, so the codewords are taken.
func GoZXingRead(p *picture.Plane) ([]byte, error) {
	bitmap, err := gozxing.NewBinaryBitmap(gozxing.NewHybridBinarizer(newLuminance(p)))
	if err != nil {
		return nil, err
	}
	hints := map[gozxing.DecodeHintType]any{gozxing.DecodeHintType_TRY_HARDER: true}
	result, err := qrcode.NewQRCodeReader().Decode(bitmap, hints)
	if err != nil {
		return nil, err
	}
	b := result.GetRawBytes()
	if len(b) < 3 || b[0]>>4 != 4 {
		return nil, io.ErrUnexpectedEOF
	}
	// From version 10 on the length is 16 bits, and such a symbol has more
	// than 200 codewords.
	n, bits := int(b[0]&15)<<4|int(b[1]>>4), 12
	if len(b) > 250 {
		n, bits = n<<8|int(b[1]&15)<<4|int(b[2]>>4), 20
	}
	if len(b)*8 < bits+8*n {
		return nil, io.ErrUnexpectedEOF
	}
	out := make([]byte, n)
	for i := range out {
		at := bits/8 + i
		out[i] = b[at]<<4 | b[at+1]>>4
	}
	return out, nil
}

type luminance struct {
	gozxing.LuminanceSourceBase
	plane *picture.Plane
}

func newLuminance(p *picture.Plane) gozxing.LuminanceSource {
	return &luminance{gozxing.LuminanceSourceBase{Width: p.Width, Height: p.Height}, p}
}

func (l *luminance) GetRow(y int, row []byte) ([]byte, error) {
	return append(row[:0], l.plane.Pix[y*l.plane.Stride:y*l.plane.Stride+l.plane.Width]...), nil
}

func (l *luminance) GetMatrix() []byte {
	out := make([]byte, 0, l.plane.Width*l.plane.Height)
	for y := range l.plane.Height {
		out = append(out, l.plane.Pix[y*l.plane.Stride:y*l.plane.Stride+l.plane.Width]...)
	}
	return out
}

func (l *luminance) Invert() gozxing.LuminanceSource { return gozxing.LuminanceSourceInvert(l) }
func (l *luminance) String() string                  { return gozxing.LuminanceSourceString(l) }

// CPU is the time that all cores have spent on this process. On a busy machine
// it says more than a clock.
func CPU() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
